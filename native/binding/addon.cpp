// What JavaScript calls. Typed by hand in packages/core/src/backend/addon.ts. The kernels themselves come
// from kernel_table.cpp; a call is enqueue(device, kernel) with its arguments in the shared command buffer.
#include <napi.h>

#include "../runtime/gpu.h"
#include "../runtime/thread_pool.h"
#include "device.h"
#include "kernel_task.h"

#ifndef _WIN32
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#endif

namespace ettin {

namespace {

Environment& environment(const Napi::CallbackInfo& info) { return *info.Env().GetInstanceData<Environment>(); }

int64_t integer(const Napi::CallbackInfo& info, size_t i) { return info[i].As<Napi::Number>().Int64Value(); }

Device& device(const Napi::CallbackInfo& info) { return environment(info).device(integer(info, 0)); }

// openDevice(level, threads, memory): {id, level, threads}. Empty level, 0 threads: the defaults. `memory`: bytes that
// the process may have, where that is less than the machine's; else 0.
Napi::Value open_device(const Napi::CallbackInfo& info) {
  const Level& level = choose_level(info[0].As<Napi::String>().Utf8Value());
  const int asked = info[1].As<Napi::Number>().Int32Value();
  const int threads = asked > 0 ? asked : default_threads();
  const int64_t machine = system_memory_bytes(), allowed = integer(info, 2);
  int64_t id;
  environment(info).open(level, threads, allowed > 0 && allowed < machine ? allowed : machine, &id);
  Napi::Object result = Napi::Object::New(info.Env());
  result["id"] = Napi::Number::New(info.Env(), static_cast<double>(id));
  result["level"] = level.name;
  result["threads"] = threads;
  return result;
}

Napi::Object describe(Napi::Env env, const CudaGpu& gpu) {
  Napi::Object result = Napi::Object::New(env);
  result["name"] = gpu.name;
  result["major"] = gpu.major;
  result["minor"] = gpu.minor;
  result["multiprocessors"] = gpu.multiprocessors;
  result["memory"] = Napi::Number::New(env, static_cast<double>(gpu.memory));
  result["free"] = Napi::Number::New(env, static_cast<double>(gpu.free));
  return result;
}

// probeCuda(path of the library of CUDA kernels): {driver, runtime, cublaslt, cublasltName, gpus}. Versions as CUDA
// gives them, 13000 for 13.0; driver 0: there is none, and no GPUs.
Napi::Value probe_cuda(const Napi::CallbackInfo& info) {
  const CudaLibrary& library = open_cuda_library(info[0].As<Napi::String>().Utf8Value());
  const CudaVersions versions = library.versions();
  Napi::Object result = Napi::Object::New(info.Env());
  result["driver"] = versions.driver;
  result["runtime"] = versions.runtime;
  result["cublaslt"] = Napi::Number::New(info.Env(), static_cast<double>(versions.cublaslt));
  result["cublasltName"] = versions.cublaslt_name;
  Napi::Array gpus = Napi::Array::New(info.Env());
  const int count = versions.driver >= versions.runtime / 1000 * 1000 ? library.count() : 0;
  for (int i = 0; i < count; i++) gpus[static_cast<uint32_t>(i)] = describe(info.Env(), library.describe(i));
  result["gpus"] = gpus;
  return result;
}

// openCuda(path, gpu): {id, gpu}, a device like openDevice's.
Napi::Value open_cuda(const Napi::CallbackInfo& info) {
  const CudaLibrary& library = open_cuda_library(info[0].As<Napi::String>().Utf8Value());
  int64_t id;
  const Device& opened =
      environment(info).open(std::make_unique<Gpu>(library, info[1].As<Napi::Number>().Int32Value()), &id);
  Napi::Object result = Napi::Object::New(info.Env());
  result["id"] = Napi::Number::New(info.Env(), static_cast<double>(id));
  result["gpu"] = describe(info.Env(), opened.gpu().info);
  return result;
}

// closeDevice(device): waits for what is queued. Harmless when repeated.
void close_device(const Napi::CallbackInfo& info) {
  if (!environment(info).is_closed(integer(info, 0))) environment(info).close(integer(info, 0));
}

// allocate(device, bytes): a storage id, or -1.
Napi::Value allocate(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(device(info).allocate(integer(info, 1))));
}

// release(device, ids: Int32Array, count). A closed device has nothing left to release.
void release(const Napi::CallbackInfo& info) {
  if (environment(info).is_closed(integer(info, 0))) return;
  const auto ids = info[1].As<Napi::Int32Array>();
  device(info).release(ids.Data(), static_cast<size_t>(integer(info, 2)));
}

template <class Run>
Napi::Value unless_out_of_memory(const Napi::CallbackInfo& info, const Run& run) {
  try {
    run();
  } catch (const OutOfMemory& error) {
    return Napi::Number::New(info.Env(), static_cast<double>(error.bytes));
  }
  return info.Env().Undefined();
}

// enqueue(device, kernel): arguments in the command buffer. Returns the bytes that there is no memory for, if a weight
// must be unpacked first; nothing has happened then.
Napi::Value enqueue(const Napi::CallbackInfo& info) {
  Environment& env = environment(info);
  Device& on = device(info);
  const Entry& entry = entries()[static_cast<size_t>(integer(info, 1))];
  Reader reader(env.commands(), on.storages(), on.stream());
  return unless_out_of_memory(info,
                              [&] { on.enqueue(entry.make(entry.name.c_str(), *on.stream().level.kernels, reader)); });
}

// beginGraph(device): kernels are kept from here on. endGraph(device, kept): queues them as one; the graph's number, or
// -1 where there is none because they had to be queued one by one.
void begin_graph(const Napi::CallbackInfo& info) { device(info).begin_graph(); }
Napi::Value end_graph(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(),
                           static_cast<double>(device(info).end_graph(info[1].As<Napi::Boolean>().Value())));
}

// runGraph(device, graph): queues it again, or false where it is no longer current.
Napi::Value run_graph(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), device(info).run_graph(integer(info, 1)));
}

// dropGraph(device, graph). A closed device has none.
void drop_graph(const Napi::CallbackInfo& info) {
  if (!environment(info).is_closed(integer(info, 0))) device(info).drop_graph(integer(info, 1));
}

struct Bytes {
  char* data;
  int64_t size;
};
Bytes bytes_of(const Napi::Value& value) {
  const auto view = value.As<Napi::TypedArray>();
  return {static_cast<char*>(view.ArrayBuffer().Data()) + view.ByteOffset(), static_cast<int64_t>(view.ByteLength())};
}

// upload(device, storage, byteOffset, typedArray): the bytes are copied before it returns. Returns like enqueue.
Napi::Value upload(const Napi::CallbackInfo& info) {
  const Bytes bytes = bytes_of(info[3]);
  return unless_out_of_memory(info,
                              [&] { device(info).upload(integer(info, 1), integer(info, 2), bytes.data, bytes.size); });
}

// download(device, storage, byteOffset, bytes): Promise<ArrayBuffer>; rejects with a string.
Napi::Value download(const Napi::CallbackInfo& info) {
  const int64_t size = integer(info, 3);
  Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(info.Env(), static_cast<size_t>(size));
  Device& on = device(info);
  int64_t reply;
  const Napi::Promise promise = environment(info).expect(info.Env(), buffer, &reply);
  on.download(integer(info, 1), integer(info, 2), buffer.Data(), size, reply);
  return promise;
}

// synchronize(device): resolves when everything queued so far has run.
Napi::Value synchronize(const Napi::CallbackInfo& info) {
  Device& on = device(info);
  int64_t reply;
  const Napi::Promise promise = environment(info).expect(info.Env(), Napi::ArrayBuffer(), &reply);
  on.synchronize(reply);
  return promise;
}

// wrap(device, typedArray): a storage over JavaScript's memory, which is kept alive until the last kernel that may read
// it; on a GPU a copy, and -1 where there is no room for it.
Napi::Value wrap(const Napi::CallbackInfo& info) {
  const Bytes bytes = bytes_of(info[1]);
  Device& on = device(info);
  const int64_t held = environment(info).keep(info[1].As<Napi::TypedArray>().ArrayBuffer());
  const int64_t id = on.wrap(bytes.data, bytes.size, Storage::Owner::javascript, held);
  return Napi::Number::New(info.Env(), static_cast<double>(id));
}

// mapFile(device, path): {storage, bytes}, read only; a storage of -1 as wrap's.
Napi::Value map_file(const Napi::CallbackInfo& info) {
#ifdef _WIN32
  throw Napi::Error::New(info.Env(), "mapping files is not supported on Windows yet. Read the file and wrap it.");
#else
  const std::string path = info[1].As<Napi::String>().Utf8Value();
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status {};
  if (file < 0 || fstat(file, &status) != 0) {
    const std::string why = std::strerror(errno);
    if (file >= 0) close(file);
    throw std::runtime_error(path + ": " + why);
  }
  const auto size = static_cast<size_t>(status.st_size);
  void* data = size ? mmap(nullptr, size, PROT_READ, MAP_SHARED, file, 0) : MAP_FAILED;
  const std::string why = size ? std::strerror(errno) : "the file is empty";
  close(file);
  if (data == MAP_FAILED) throw std::runtime_error(path + ": " + why);
  Napi::Object result = Napi::Object::New(info.Env());
  result["storage"] = Napi::Number::New(
      info.Env(), static_cast<double>(device(info).wrap(data, static_cast<int64_t>(size), Storage::Owner::file)));
  result["bytes"] = Napi::Number::New(info.Env(), static_cast<double>(size));
  return result;
#endif
}

// setWeight(device, storage): keep packed copies of it between products.
void set_weight(const Napi::CallbackInfo& info) { device(info).set_weight(integer(info, 1)); }

Napi::Value memory_stats(const Napi::CallbackInfo& info) {
  const MemoryStats stats = device(info).stream().allocator.stats();
  Napi::Object result = Napi::Object::New(info.Env());
  const auto set = [&](const char* name, int64_t value) {
    result[name] = Napi::Number::New(info.Env(), static_cast<double>(value));
  };
  set("current", stats.current);
  set("peak", stats.peak);
  set("reserved", stats.reserved);
  set("scratch", stats.scratch);
  set("scratchPeak", stats.scratch_peak);
  set("packed", stats.packed);
  set("limit", stats.limit);
  return result;
}

// C++ errors become JavaScript errors with the same text.
template <auto function>
Napi::Value guarded(const Napi::CallbackInfo& info) {
  try {
    if constexpr (std::is_void_v<decltype(function(info))>) {
      function(info);
      return info.Env().Undefined();
    } else {
      return function(info);
    }
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::exception& error) {
    throw Napi::Error::New(info.Env(), error.what());
  }
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  auto* state = new Environment(env);
  env.SetInstanceData<Environment>(state);
  // Runs before the thread-safe function's own hook (last in, first out): after it no executor is left to call.
  env.AddCleanupHook([](Environment* e) { e->stop(); }, state);

  const auto add = [&](const char* name, Napi::Value (*function)(const Napi::CallbackInfo&)) {
    exports[name] = Napi::Function::New(env, function, name);
  };
  add("openDevice", guarded<open_device>);
  add("probeCuda", guarded<probe_cuda>);
  add("openCuda", guarded<open_cuda>);
  add("closeDevice", guarded<close_device>);
  add("allocate", guarded<allocate>);
  add("release", guarded<release>);
  add("enqueue", guarded<enqueue>);
  add("beginGraph", guarded<begin_graph>);
  add("endGraph", guarded<end_graph>);
  add("runGraph", guarded<run_graph>);
  add("dropGraph", guarded<drop_graph>);
  add("upload", guarded<upload>);
  add("download", guarded<download>);
  add("synchronize", guarded<synchronize>);
  add("wrap", guarded<wrap>);
  add("mapFile", guarded<map_file>);
  add("setWeight", guarded<set_weight>);
  add("memoryStats", guarded<memory_stats>);
  add("openTokenizer", guarded<open_tokenizer>);
  add("closeTokenizer", guarded<close_tokenizer>);
  add("encodeText", guarded<encode_text>);
  add("encodeTexts", guarded<encode_texts>);
  add("takeEncoded", guarded<take_encoded>);

  exports["commands"] = state->command_buffer();

  Napi::Array kernels = Napi::Array::New(env);
  for (const Entry& entry : entries()) {
    Napi::Object row = Napi::Object::New(env);
    row["name"] = entry.name;
    row["signature"] = entry.signature;
    kernels[kernels.Length()] = row;
  }
  exports["kernels"] = kernels;

  Napi::Array names = Napi::Array::New(env);
  for (const Level& level : levels()) {
    if (level.supported()) names[names.Length()] = Napi::String::New(env, level.name);
  }
  exports["levels"] = names;
  return exports;
}

}  // namespace

}  // namespace ettin

static Napi::Object init_addon(Napi::Env env, Napi::Object exports) { return ettin::init(env, exports); }
NODE_API_MODULE(ettin, init_addon)
