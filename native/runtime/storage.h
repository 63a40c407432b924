// A storage: the memory of one tensor and what the stream knows about it. Created, changed in form and released by the
// JavaScript thread; the fields from `failure` on are read and written by the stream's executor alone.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "../view.h"

namespace ettin {

// Why a storage holds nothing of value: the first op that failed, and what it said.
using Failure = std::shared_ptr<const std::string>;

// One packing of a weight. It is kept where it is read more than once between two writes (micro-batches, evaluations):
// a step that reads it once packs it in passing, in scratch, and needs no memory for it. On a GPU it is always kept: it
// is the weight in bfloat16, which forward and backward read alike.
struct PackedCopy {
  int kind;
  const void* source;  // the view's address: two views of one storage have copies of their own
  int64_t bytes;
  void* data = nullptr;  // null where it is not kept
  bool filled = false;
  int reads = 0;        // since the last write
  bool reread = false;  // was read more than once before it
  bool always = false;  // is kept however often it is read
};

struct Storage {
  void* data = nullptr;    // null where the weight lives in its packed form
  PackedWeight form = {};  // weight_form.h
  int64_t bytes = 0;       // of the buffer behind data, or behind form
  int64_t used = 0;        // what was asked for
  enum class Owner { pool, javascript, file } owner = Owner::pool;
  int64_t held = -1;        // the environment's number for JavaScript memory that must stay while kernels may read it
  bool asked_back = false;  // weight_form.h
  int patience = 0;

  Failure failure;
  bool is_weight = false;  // keeps packed copies; set before a kernel sees it
  std::vector<PackedCopy> packed;
};

// The memory behind a storage, in whichever form.
inline void* memory_of(const Storage& storage) { return storage.form.data ? storage.form.data : storage.data; }

}  // namespace ettin
