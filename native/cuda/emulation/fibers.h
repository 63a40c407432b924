// The threads of one block, run one after another on one thread of the system: each has a stack of its own and gives
// way where it waits for others. Deadlocks, exchanges with lanes that are not there, barriers that part of a block
// misses, because it has ended or waits at another one, are errors with the threads' numbers in them.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

namespace ettin::emulation {

struct Index {
  unsigned x = 1, y = 1, z = 1;
  constexpr Index(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};

constexpr int lanes = 32;
constexpr int slot_bytes = 64;

struct Copy {  // of copy_async, done when it is waited for
  void* to;
  const void* from;
  bool valid;
  size_t bytes;
};

// A barrier's place in the sources: where __syncthreads is called.
struct Barrier {
  const char* file = nullptr;
  int line = 0;
  bool operator==(const Barrier& other) const { return file == other.file && line == other.line; }
};

struct Thread {
  enum class State { ready, at_warp, at_block, done } state = State::ready;
  void* stack_pointer = nullptr;
  char* stack = nullptr;
  Index index;
  int number = 0;
  bool vote = false;
  Barrier barrier;      // at which it waits
  unsigned parity = 0;  // of exchanges
  std::vector<std::vector<Copy>> copies;
};

struct Warp {
  alignas(16) unsigned char slots[2][lanes][slot_bytes];
};

struct Block {
  Index grid, block, index;
  std::vector<Thread> threads;
  std::vector<Warp> warps;
  std::vector<unsigned char> shared;
  void (*body)(void*) = nullptr;
  void* argument = nullptr;
  void* scheduler = nullptr;  // its stack pointer
  int reduced = 0;            // of the last block-wide vote
  std::string error;
};

extern thread_local Block* block;    // that runs now
extern thread_local Thread* thread;  // of it

// Runs body once for every thread of every block of the grid. Throws what a thread threw.
void run(Index grid, Index block, int64_t shared, void (*body)(void*), void* argument);

int wait_for_block(Barrier barrier, bool vote);  // how many threads voted yes
void wait_for_warp();

inline void* dynamic_shared() {
  auto address = reinterpret_cast<uintptr_t>(block->shared.data());
  return reinterpret_cast<void*>((address + 127) / 128 * 128);
}

inline int lane() { return thread->number % lanes; }

// What lane `source` passed: every lane of the warp must call it.
void publish(const void* value, int bytes);
const void* published(int source);

template <class T>
T exchange(T value, int source) {
  static_assert(sizeof(T) <= slot_bytes);
  publish(&value, sizeof(T));
  T result;
  std::memcpy(&result, published(source), sizeof(T));
  return result;
}

template <class Body>
void launch(Index grid, Index size, int64_t shared, const Body& body) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  run(
      grid, size, shared, [](void* b) { (*static_cast<const Body*>(b))(); }, const_cast<Body*>(&body));
}

}  // namespace ettin::emulation
