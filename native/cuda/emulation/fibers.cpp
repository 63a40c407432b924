#include "fibers.h"

#include <algorithm>
#include <memory>

#ifdef __SANITIZE_ADDRESS__
#error "The emulation switches stacks by hand, which the address sanitizer does not follow."
#endif

namespace ettin::emulation {

thread_local Block* block = nullptr;
thread_local Thread* thread = nullptr;

namespace {

constexpr size_t stack_bytes = 64 << 10;

// Stacks of finished blocks, used again by the next.
thread_local std::vector<std::unique_ptr<char[]>> stacks;

}  // namespace

// Saves what a call must preserve on this stack, stores its pointer in *from, and goes on from the stack `to`.
extern "C" void ettin_switch_stack(void** from, void* to);

#if defined(__x86_64__)
__asm__(R"(
.text
.globl ettin_switch_stack
.hidden ettin_switch_stack
.type ettin_switch_stack,@function
ettin_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size ettin_switch_stack,.-ettin_switch_stack
)");
constexpr int saved_words = 6;
#elif defined(__aarch64__)
__asm__(R"(
.text
.globl ettin_switch_stack
.hidden ettin_switch_stack
ettin_switch_stack:
  sub sp, sp, #160
  stp x19, x20, [sp, #0]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x2, sp
  str x2, [x0]
  mov sp, x1
  ldp x19, x20, [sp, #0]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  ret
)");
constexpr int saved_words = 20;
#else
#error "The emulation knows how to switch stacks on x86-64 and on 64-bit Arm."
#endif

namespace {

void give_way() { ettin_switch_stack(&thread->stack_pointer, block->scheduler); }

// Where a thread begins. It never returns: its last switch leaves for good.
void begin() {
  try {
    block->body(block->argument);
  } catch (const std::exception& error) {
    if (block->error.empty()) block->error = error.what();
  }
  thread->state = Thread::State::done;
  give_way();
  std::abort();
}

void prepare(Thread& t) {
  if (!t.stack) {
    if (stacks.empty()) stacks.push_back(std::make_unique<char[]>(stack_bytes));
    t.stack = stacks.back().release();
    stacks.pop_back();
  }
  auto top = reinterpret_cast<uintptr_t>(t.stack + stack_bytes) & ~uintptr_t{15};
#if defined(__x86_64__)
  auto* words = reinterpret_cast<void**>(top) - 2;  // a call leaves the stack 8 bytes off a multiple of 16
  words[0] = reinterpret_cast<void*>(&begin);
  words[1] = nullptr;
  words -= saved_words;
  std::memset(words, 0, saved_words * sizeof(void*));
#else
  auto* words = reinterpret_cast<void**>(top) - saved_words;
  std::memset(words, 0, saved_words * sizeof(void*));
  words[11] = reinterpret_cast<void*>(&begin);  // x30: where ret goes
#endif
  t.stack_pointer = words;
  t.state = Thread::State::ready;
  t.vote = false;
  t.parity = 0;
  t.copies.assign(1, {});
}

template <class Belongs>
std::string threads_that(const Block& b, const Belongs& belongs) {
  std::string text;
  for (const Thread& t : b.threads) {
    if (!belongs(t)) continue;
    if (text.size() > 60) return text + ", …";
    text += (text.empty() ? "" : ", ") + std::to_string(t.number);
  }
  return text.empty() ? "none" : text;
}

std::string threads_in(const Block& b, Thread::State state) {
  return threads_that(b, [&](const Thread& t) { return t.state == state; });
}

std::string text_of(const Barrier& barrier) { return std::string(barrier.file) + ":" + std::to_string(barrier.line); }

// All who have not ended wait at a barrier: it must be one, and nobody may have ended.
void check_barrier(const Block& b) {
  const auto first = std::find_if(b.threads.begin(), b.threads.end(),
                                  [](const Thread& t) { return t.state == Thread::State::at_block; });
  const Barrier barrier = first->barrier;
  const auto here = [&](const Thread& t) { return t.state == Thread::State::at_block && t.barrier == barrier; };
  for (const Thread& t : b.threads) {
    if (here(t)) continue;
    const std::string waiting = "[emulation] threads " + threads_that(b, here) + " wait at " + text_of(barrier) + ", ";
    if (t.state == Thread::State::done) {
      throw std::runtime_error(waiting + "but threads " + threads_in(b, Thread::State::done) + " have ended");
    }
    const auto there = [&](const Thread& other) { return other.barrier == t.barrier; };
    throw std::runtime_error(waiting + "but threads " + threads_that(b, there) + " at " + text_of(t.barrier));
  }
}

// Frees those who wait and may go on. False where nobody may.
bool release(Block& b) {
  using State = Thread::State;
  bool any = false;
  for (size_t w = 0; w < b.warps.size(); w++) {
    const auto from = b.threads.begin() + static_cast<std::ptrdiff_t>(w * lanes);
    const auto to = b.threads.begin() + static_cast<std::ptrdiff_t>(std::min(b.threads.size(), (w + 1) * lanes));
    const auto waiting = std::count_if(from, to, [](const Thread& t) { return t.state == State::at_warp; });
    if (waiting == 0) continue;
    if (waiting < to - from) continue;  // a lane that has ended is missed by the others: a deadlock below
    for (auto t = from; t != to; ++t) t->state = State::ready;
    any = true;
  }
  if (any) return true;
  int64_t left = 0, waiting = 0, votes = 0;
  for (const Thread& t : b.threads) {
    left += t.state != State::done;
    waiting += t.state == State::at_block;
    votes += t.state == State::at_block && t.vote;
  }
  if (left == 0 || waiting < left) return false;
  check_barrier(b);
  b.reduced = static_cast<int>(votes);
  for (Thread& t : b.threads) {
    if (t.state == State::at_block) t.state = State::ready;
  }
  return true;
}

// Forward, backward, or from another thread each time: an order that a kernel relies on without a barrier shows.
size_t place(size_t i, size_t n, unsigned round, int order) {
  if (order == 1) return n - 1 - i;
  if (order == 2) return (i * 7 + round * 13 + n / 3) % n;  // n is a multiple of 32: 7 has no factor in common
  return i;
}

void run_block(Block& b, int order) {
  std::memset(b.shared.data(), 0xff, b.shared.size());  // NaN, -1: whoever reads before writing shows
  for (Thread& t : b.threads) prepare(t);
  for (unsigned round = 0;; round++) {
    bool done = true;
    for (size_t i = 0; i < b.threads.size(); i++) {
      Thread& t = b.threads[place(i, b.threads.size(), round, order)];
      if (t.state == Thread::State::ready) {
        thread = &t;
        ettin_switch_stack(&b.scheduler, t.stack_pointer);
      }
      done = done && t.state == Thread::State::done;
    }
    if (!b.error.empty()) throw std::runtime_error(b.error);
    if (done) return;
    if (!release(b)) {
      throw std::runtime_error("[emulation] the block waits for ever: at a warp's exchange threads " +
                               threads_in(b, Thread::State::at_warp) + "; at a barrier " +
                               threads_in(b, Thread::State::at_block) + "; ended " +
                               threads_in(b, Thread::State::done));
    }
  }
}

int chosen_order() {
  const char* text = std::getenv("ETTIN_EMULATION_ORDER");
  if (!text) return 0;
  return std::strcmp(text, "backward") == 0 ? 1 : std::strcmp(text, "mixed") == 0 ? 2 : 0;
}

struct Running {  // restores what ran before, also when a thread throws
  Block* before = block;
  Block& mine;
  explicit Running(Block& b) : mine(b) { block = &b; }
  ~Running() {
    for (Thread& t : mine.threads) {
      if (t.stack) stacks.emplace_back(t.stack);
    }
    block = before;
  }
};

}  // namespace

void run(Index grid, Index size, int64_t shared, void (*body)(void*), void* argument) {
  static const int order = chosen_order();
  const size_t count = size_t{size.x} * size.y * size.z;
  if (count == 0 || count > 1024 || count % lanes != 0) {
    throw std::runtime_error("[emulation] a block of " + std::to_string(count) +
                             " threads. Pass a multiple of 32, at most 1024.");
  }
  Block b;
  b.grid = grid;
  b.block = size;
  b.body = body;
  b.argument = argument;
  b.threads.resize(count);
  b.warps.resize(count / lanes);
  b.shared.resize(static_cast<size_t>(shared) + 128);
  for (size_t i = 0; i < count; i++) {
    const auto n = static_cast<unsigned>(i);
    b.threads[i].number = static_cast<int>(i);
    b.threads[i].index = {n % size.x, n / size.x % size.y, n / size.x / size.y};
  }
  const Running running(b);
  for (b.index.z = 0; b.index.z < grid.z; b.index.z++) {
    for (b.index.y = 0; b.index.y < grid.y; b.index.y++) {
      for (b.index.x = 0; b.index.x < grid.x; b.index.x++) run_block(b, order);
    }
  }
}

int wait_for_block(Barrier barrier, bool vote) {
  thread->vote = vote;
  thread->barrier = barrier;
  thread->state = Thread::State::at_block;
  give_way();
  return block->reduced;
}

void wait_for_warp() {
  thread->state = Thread::State::at_warp;
  give_way();
}

void publish(const void* value, int bytes) {
  thread->parity ^= 1;
  Warp& warp = block->warps[static_cast<size_t>(thread->number / lanes)];
  std::memcpy(warp.slots[thread->parity][lane()], value, static_cast<size_t>(bytes));
  wait_for_warp();
}

const void* published(int source) {
  const Warp& warp = block->warps[static_cast<size_t>(thread->number / lanes)];
  return warp.slots[thread->parity][source & (lanes - 1)];
}

}  // namespace ettin::emulation
