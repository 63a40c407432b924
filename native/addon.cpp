#include <napi.h>
Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("napi", Napi::Number::New(env, 8));
  return exports;
}
NODE_API_MODULE(ettin, init)
