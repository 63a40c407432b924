// The tokenizers of one JavaScript environment, by number, and the batches that its queue encodes.
#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "../tokenizer/queue.h"

namespace ettin {

class Tokenizers {
 public:
  int64_t open(std::shared_ptr<tokenizer::Tokenizer> tokenizer);
  void close(int64_t id);
  const std::shared_ptr<tokenizer::Tokenizer>& get(int64_t id) const;

  tokenizer::Queue& queue();
  int64_t keep(std::shared_ptr<tokenizer::Batch> batch);
  std::shared_ptr<tokenizer::Batch> take(int64_t batch);
  void stop();  // before the environment goes

 private:
  std::vector<std::shared_ptr<tokenizer::Tokenizer>> tokenizers_;
  std::unordered_map<int64_t, std::shared_ptr<tokenizer::Batch>> batches_;
  int64_t next_batch_ = 0;
  std::unique_ptr<tokenizer::Queue> queue_;
};

// What JavaScript calls; addon.cpp gives them names.
Napi::Value open_tokenizer(const Napi::CallbackInfo& info);
void close_tokenizer(const Napi::CallbackInfo& info);
Napi::Value encode_text(const Napi::CallbackInfo& info);
Napi::Value encode_texts(const Napi::CallbackInfo& info);
Napi::Value take_encoded(const Napi::CallbackInfo& info);

}  // namespace ettin
