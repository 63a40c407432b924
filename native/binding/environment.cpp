#include <stdexcept>

#include "../runtime/gpu.h"
#include "device.h"

namespace ettin {

namespace {
constexpr size_t command_doubles = 1 << 17;  // one call's arguments: room for some 4,000 parameters in a list
}

Environment::Environment(Napi::Env env) {
  Napi::Float64Array buffer = Napi::Float64Array::New(env, command_doubles);
  commands_ = buffer.Data();
  command_buffer_ = Napi::Reference<Napi::Float64Array>::New(buffer, 1);
  to_javascript_ =
      Napi::ThreadSafeFunction::New(env, Napi::Function::New(env, [](const Napi::CallbackInfo&) {}), "ettin", 0, 1);
  to_javascript_.Unref(env);  // queued work alone does not keep the process alive; expect() does
}

Environment::~Environment() { stop(); }

Napi::Float64Array Environment::command_buffer() { return command_buffer_.Value(); }

Device& Environment::open(const Level& level, int threads, int64_t memory, int64_t* id) {
  *id = static_cast<int64_t>(devices_.size());
  devices_.push_back(std::make_unique<Device>(*this, level, threads, memory));
  return *devices_.back();
}

Device& Environment::open(std::unique_ptr<Gpu> gpu, int64_t* id) {
  *id = static_cast<int64_t>(devices_.size());
  devices_.push_back(std::make_unique<Device>(*this, std::move(gpu)));
  return *devices_.back();
}

Device& Environment::device(int64_t id) {
  if (is_closed(id)) {
    throw std::runtime_error("[device] device " + std::to_string(id) + " is closed. Open another one.");
  }
  return *devices_[static_cast<size_t>(id)];
}

bool Environment::is_closed(int64_t id) const {
  return id < 0 || id >= static_cast<int64_t>(devices_.size()) || !devices_[static_cast<size_t>(id)];
}

void Environment::close(int64_t id) {
  device(id).stream().wait_idle();
  devices_[static_cast<size_t>(id)].reset();
}

Napi::Promise Environment::expect(Napi::Env env, Napi::ArrayBuffer result, int64_t* reply) {
  auto waiting = std::make_unique<Waiting>();
  waiting->deferred = std::make_unique<Napi::Promise::Deferred>(env);
  if (!result.IsEmpty()) waiting->result = Napi::Reference<Napi::ArrayBuffer>::New(result, 1);
  const Napi::Promise promise = waiting->deferred->Promise();
  *reply = number(std::move(waiting));
  if (pending_++ == 0) to_javascript_.Ref(env);
  return promise;
}

int64_t Environment::keep(Napi::ArrayBuffer memory) {
  auto waiting = std::make_unique<Waiting>();
  waiting->result = Napi::Reference<Napi::ArrayBuffer>::New(memory, 1);
  return number(std::move(waiting));
}

int64_t Environment::number(std::unique_ptr<Waiting> waiting) {
  if (free_replies_.empty()) {
    waiting_.push_back(std::move(waiting));
    return static_cast<int64_t>(waiting_.size()) - 1;
  }
  const int64_t number = free_replies_.back();
  free_replies_.pop_back();
  waiting_[static_cast<size_t>(number)] = std::move(waiting);
  return number;
}

void Environment::forget(int64_t number) {
  waiting_[static_cast<size_t>(number)].reset();
  free_replies_.push_back(number);
}

void Environment::send(std::unique_ptr<Reply> reply) {
  const napi_status status =
      to_javascript_.NonBlockingCall(reply.get(), [this](Napi::Env env, Napi::Function, Reply* data) {
        const std::unique_ptr<Reply> owned(data);
        if (env == nullptr) return;
        try {
          settle(env, *owned);
        } catch (const Napi::Error&) {
          // The environment is being ended: nobody is left to wait.
        }
      });
  if (status == napi_ok) reply.release();  // now the callback's
}

void Environment::settle(Napi::Env env, const Reply& reply) {
  const Napi::HandleScope scope(env);
  const std::unique_ptr<Waiting> waiting = std::move(waiting_[static_cast<size_t>(reply.reply)]);
  free_replies_.push_back(reply.reply);
  if (!waiting->deferred) return;
  if (--pending_ == 0) to_javascript_.Unref(env);
  if (reply.failure) {
    waiting->deferred->Reject(Napi::String::New(env, *reply.failure));
  } else if (waiting->result.IsEmpty()) {
    waiting->deferred->Resolve(env.Undefined());
  } else {
    waiting->deferred->Resolve(waiting->result.Value());
  }
}

void Environment::stop() {
  if (stopped_) return;
  stopped_ = true;
  tokenizers.stop();
  for (auto& device : devices_) {
    if (device) device->stop();
  }
  devices_.clear();
  waiting_.clear();
  to_javascript_.Release();
}

}  // namespace ettin
