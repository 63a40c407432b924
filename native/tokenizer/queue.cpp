#include "queue.h"

#include <algorithm>
#include <exception>
#include <limits>
#include <stdexcept>

#include "../runtime/thread_pool.h"

namespace ettin::tokenizer {

namespace {

constexpr double task_bytes = 32'768;  // texts of about so many bytes are one task
constexpr size_t region_tasks = 16;    // tasks after which the compute threads are free for others

struct Task {
  size_t first;  // texts [first, last)
  size_t last;
  Encoded out;  // offsets: the end of each text
};

struct Region {
  const Batch& batch;
  Task* tasks;
};

void run_task(void* body, int64_t index, int) {
  const Region& region = *static_cast<Region*>(body);
  Task& task = region.tasks[index];
  Tokenizer::Session session(*region.batch.tokenizer);
  for (size_t i = task.first; i < task.last; i++) {
    const auto start = static_cast<size_t>(region.batch.offsets[i]);
    const auto end = static_cast<size_t>(region.batch.offsets[i + 1]);
    session.encode({region.batch.bytes + start, end - start}, task.out.ids);
    task.out.offsets.push_back(static_cast<int32_t>(task.out.ids.size()));
  }
}

std::vector<Task> tasks_of(const std::vector<double>& offsets) {
  std::vector<Task> tasks;
  const size_t texts = offsets.size() - 1;
  for (size_t first = 0; first < texts;) {
    size_t last = first + 1;
    while (last < texts && offsets[last + 1] - offsets[first] <= task_bytes) last++;
    tasks.push_back({first, last, {}});
    first = last;
  }
  return tasks;
}

}  // namespace

void Queue::push(std::shared_ptr<Batch> batch) {
  {
    const std::lock_guard<std::mutex> hold(lock_);
    if (!thread_.joinable()) thread_ = std::thread(&Queue::loop, this);
    waiting_.push_back(std::move(batch));
  }
  wake_.notify_one();
}

void Queue::stop() {
  {
    const std::lock_guard<std::mutex> hold(lock_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
  waiting_.clear();
}

void Queue::loop() {
  for (;;) {
    std::shared_ptr<Batch> batch;
    {
      std::unique_lock<std::mutex> hold(lock_);
      wake_.wait(hold, [&] { return stopping_ || !waiting_.empty(); });
      if (stopping_) return;
      batch = std::move(waiting_.front());
      waiting_.erase(waiting_.begin());
    }
    try {
      if (!encode(*batch)) return;
      batch->done(nullptr);
    } catch (const std::exception& error) {
      batch->done(error.what());
    }
  }
}

bool Queue::encode(Batch& batch) {
  std::vector<Task> tasks = tasks_of(batch.offsets);
  for (size_t first = 0; first < tasks.size(); first += region_tasks) {
    {
      const std::lock_guard<std::mutex> hold(lock_);
      if (stopping_) return false;
    }
    Region region{batch, tasks.data() + first};
    const size_t count = std::min(region_tasks, tasks.size() - first);
    ThreadPool::shared().run(static_cast<int64_t>(count), threads_, run_task, &region);
  }
  size_t total = 0;
  for (const Task& task : tasks) total += task.out.ids.size();
  if (total > static_cast<size_t>(std::numeric_limits<int32_t>::max())) {
    throw std::runtime_error("the batch has more than 2147483647 tokens");
  }
  Encoded& result = batch.result;
  result.ids.reserve(total);
  result.offsets.reserve(batch.offsets.size());
  result.offsets.push_back(0);
  for (const Task& task : tasks) {
    const auto start = static_cast<int32_t>(result.ids.size());
    for (const int32_t end : task.out.offsets) result.offsets.push_back(start + end);
    result.ids.insert(result.ids.end(), task.out.ids.begin(), task.out.ids.end());
  }
  return true;
}

}  // namespace ettin::tokenizer
