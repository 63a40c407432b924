#include "tokenizers.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "../runtime/thread_pool.h"
#include "device.h"

namespace ettin {

int64_t Tokenizers::open(std::shared_ptr<tokenizer::Tokenizer> made) {
  tokenizers_.push_back(std::move(made));
  return static_cast<int64_t>(tokenizers_.size()) - 1;
}

void Tokenizers::close(int64_t id) {
  if (id >= 0 && id < static_cast<int64_t>(tokenizers_.size())) tokenizers_[static_cast<size_t>(id)].reset();
}

const std::shared_ptr<tokenizer::Tokenizer>& Tokenizers::get(int64_t id) const {
  if (id < 0 || id >= static_cast<int64_t>(tokenizers_.size()) || !tokenizers_[static_cast<size_t>(id)]) {
    throw std::runtime_error("tokenizer " + std::to_string(id) + " is closed");
  }
  return tokenizers_[static_cast<size_t>(id)];
}

tokenizer::Queue& Tokenizers::queue() {
  if (!queue_) queue_ = std::make_unique<tokenizer::Queue>(default_threads());
  return *queue_;
}

int64_t Tokenizers::keep(std::shared_ptr<tokenizer::Batch> batch) {
  batches_.emplace(next_batch_, std::move(batch));
  return next_batch_++;
}

std::shared_ptr<tokenizer::Batch> Tokenizers::take(int64_t id) {
  const auto found = batches_.find(id);
  if (found == batches_.end()) throw std::runtime_error("there is no batch " + std::to_string(id));
  std::shared_ptr<tokenizer::Batch> batch = std::move(found->second);
  batches_.erase(found);
  return batch;
}

void Tokenizers::stop() {
  if (queue_) queue_->stop();
  batches_.clear();
  tokenizers_.clear();
}

namespace {

Environment& environment(const Napi::CallbackInfo& info) { return *info.Env().GetInstanceData<Environment>(); }

int64_t integer(const Napi::Value& value) { return value.As<Napi::Number>().Int64Value(); }

struct Integers {
  const int32_t* data;
  size_t count;
};
Integers integers(const Napi::Object& from, const char* name) {
  const auto array = from.Get(name).As<Napi::Int32Array>();
  return {array.Data(), array.ElementLength()};
}

std::string_view bytes_of(const Napi::Value& value) {
  const auto array = value.As<Napi::Uint8Array>();
  return {reinterpret_cast<const char*>(array.Data()), array.ElementLength()};
}

// Calls `take(text, index)` for each of the texts that lie one after the other in `bytes`; offsets are their starts and
// the end.
template <class Take>
void for_each_text(std::string_view bytes, Integers offsets, Take&& take) {
  for (size_t i = 0; i + 1 < offsets.count; i++) {
    const auto start = static_cast<size_t>(offsets.data[i]);
    const auto end = static_cast<size_t>(offsets.data[i + 1]);
    if (start > end || end > bytes.size()) throw std::runtime_error("offsets leave the bytes");
    take(bytes.substr(start, end - start), i);
  }
}

constexpr int32_t takes_left = 1, takes_right = 2, is_normalized = 4;

Napi::Int32Array int32_array(Napi::Env env, const std::vector<int32_t>& values) {
  Napi::Int32Array array = Napi::Int32Array::New(env, values.size());
  std::copy(values.begin(), values.end(), array.Data());
  return array;
}

}  // namespace

// openTokenizer(description): a number. packages/core/src/backend/addon.ts lists the description's fields.
Napi::Value open_tokenizer(const Napi::CallbackInfo& info) {
  const auto from = info[0].As<Napi::Object>();
  const auto flag = [&](const char* name) { return from.Get(name).As<Napi::Boolean>().Value(); };
  const Integers bytes = integers(from, "byteIds");
  const Integers left = integers(from, "left"), right = integers(from, "right"), merged = integers(from, "merged");
  const Integers ids = integers(from, "addedIds"), flags = integers(from, "addedFlags");
  const Integers added = integers(from, "addedOffsets");
  const Integers words = integers(from, "wordOffsets"), word_ids = integers(from, "wordIds");
  const bool fits = bytes.count == 256 && right.count == left.count && merged.count == left.count &&
                    ids.count == flags.count && added.count == ids.count + 1 && words.count == word_ids.count + 1;
  if (!fits) throw std::runtime_error("the lists of a tokenizer's description do not fit each other");

  tokenizer::Options options;
  options.normal_form = flag("normalForm");
  options.prefix_space = flag("prefixSpace");
  options.whole_words = flag("wholeWords");
  options.digits = static_cast<tokenizer::Digits>(integer(from.Get("digits")));
  options.pattern = static_cast<tokenizer::Pattern>(integer(from.Get("pattern")));
  auto made = std::make_shared<tokenizer::Tokenizer>(
      options, tokenizer::Merges(bytes.data, left.data, right.data, merged.data, left.count));
  for_each_text(bytes_of(from.Get("addedBytes")), added, [&](std::string_view content, size_t i) {
    const int32_t set = flags.data[i];
    made->add_token(content, {ids.data[i], (set & takes_left) != 0, (set & takes_right) != 0},
                    (set & is_normalized) != 0);
  });
  for_each_text(bytes_of(from.Get("wordBytes")), words,
                [&](std::string_view word, size_t i) { made->add_word(word, word_ids.data[i]); });
  return Napi::Number::New(info.Env(), static_cast<double>(environment(info).tokenizers.open(std::move(made))));
}

// closeTokenizer(tokenizer). Batches that are being encoded keep what they need. Harmless when repeated.
void close_tokenizer(const Napi::CallbackInfo& info) { environment(info).tokenizers.close(integer(info[0])); }

// encodeText(tokenizer, bytes, count): the ids of one text in UTF-8, at once.
Napi::Value encode_text(const Napi::CallbackInfo& info) {
  const std::string_view bytes = bytes_of(info[1]);
  const auto count = static_cast<size_t>(integer(info[2]));
  tokenizer::Tokenizer::Session session(*environment(info).tokenizers.get(integer(info[0])));
  std::vector<int32_t> ids;
  session.encode(bytes.substr(0, count), ids);
  return int32_array(info.Env(), ids);
}

// encodeTexts(tokenizer, bytes, offsets: Float64Array): {batch, done}, where the promise `done` says that takeEncoded
// has the ids. Text i is bytes[offsets[i]] to bytes[offsets[i + 1]]; nobody may change the bytes until then.
Napi::Value encode_texts(const Napi::CallbackInfo& info) {
  Environment& env = environment(info);
  const std::string_view bytes = bytes_of(info[1]);
  const auto offsets = info[2].As<Napi::Float64Array>();
  auto batch = std::make_shared<tokenizer::Batch>();
  batch->tokenizer = env.tokenizers.get(integer(info[0]));
  batch->bytes = bytes.data();
  batch->offsets.assign(offsets.Data(), offsets.Data() + offsets.ElementLength());
  if (batch->offsets.empty()) throw std::runtime_error("there are no offsets");
  for (size_t i = 0; i < batch->offsets.size(); i++) {
    const double start = i ? batch->offsets[i - 1] : 0;
    if (!(batch->offsets[i] >= start && batch->offsets[i] <= static_cast<double>(bytes.size()))) {
      throw std::runtime_error("offsets leave the bytes");
    }
  }
  int64_t reply;
  const Napi::Promise promise = env.expect(info.Env(), info[1].As<Napi::Uint8Array>().ArrayBuffer(), &reply);
  batch->done = [&env, reply](const char* error) {
    env.send(std::make_unique<Reply>(Reply{reply, error ? std::make_shared<const std::string>(error) : nullptr}));
  };
  const int64_t id = env.tokenizers.keep(batch);
  env.tokenizers.queue().push(std::move(batch));
  Napi::Object result = Napi::Object::New(info.Env());
  result["batch"] = Napi::Number::New(info.Env(), static_cast<double>(id));
  result["done"] = promise;
  return result;
}

// takeEncoded(batch): {ids, offsets}, once.
Napi::Value take_encoded(const Napi::CallbackInfo& info) {
  const std::shared_ptr<tokenizer::Batch> batch = environment(info).tokenizers.take(integer(info[0]));
  Napi::Object result = Napi::Object::New(info.Env());
  result["ids"] = int32_array(info.Env(), batch->result.ids);
  result["offsets"] = int32_array(info.Env(), batch->result.offsets);
  return result;
}

}  // namespace ettin
