#include "weight_form.h"

namespace ettin {

namespace {

// From rows to the packed form, or back. Addresses by value: the storage may have changed again when it runs.
class PackTask final : public Task {
 public:
  PackTask(Storage* storage, const PackedWeight& form, void* rows) : storage_(storage), form_(form), rows_(rows) {}
  void run(Context& context) override {
    context.kernels.pack_weight(context, form_, rows_);
    drop_packed(context.stream.allocator, *storage_);
    context.end_kernel();
  }

 private:
  Storage* storage_;
  PackedWeight form_;
  void* rows_;
};

class UnpackTask final : public Task {
 public:
  UnpackTask(const PackedWeight& form, void* rows) : form_(form), rows_(rows) {}
  void run(Context& context) override {
    context.kernels.unpack_weight(context, rows_, form_, 0, form_.out * form_.in);
    context.end_kernel();
  }

 private:
  PackedWeight form_;
  void* rows_;
};

int64_t width(DType dtype) { return dtype == DType::bfloat16 ? 2 : 4; }

bool is_whole(const View& w, const Storage& storage, int64_t offset) {
  return offset == 0 && w.dims == 2 && w.strides[1] == 1 && w.strides[0] == w.shape[1] &&
         w.shape[0] * w.shape[1] * width(w.dtype) == storage.used;
}

// The packed form that a product with x reads, or none: it must be exact and hardly larger than the rows.
PackedWeight form_for(Stream& stream, const View& w, DType x) {
  const Kernels& kernels = *stream.level.kernels;
  PackedWeight form{nullptr, kernels.weight_packing(x, w.dtype), w.dtype, w.shape[0], w.shape[1]};
  if (form.packing < 0) return form;
  const int64_t rows = form.out * form.in * width(form.dtype), packed = kernels.packed_weight_bytes(form);
  if (rows == 0 || packed > rows + rows / 4) form.packing = -1;
  return form;
}

void pack(Stream& stream, Storage& storage, PackedWeight form) {
  const int64_t bytes = stream.level.kernels->packed_weight_bytes(form);
  const Allocator::Buffer packed = stream.allocator.fits(bytes) ? stream.take(bytes) : Allocator::Buffer{};
  if (!packed.data) return;  // the rows stay
  stream.give_up_graph_of(storage);
  form.data = packed.data;
  stream.push(std::make_unique<PackTask>(&storage, form, storage.data));
  // The next weight of this size takes the rows' buffer over. One that is much of all there is goes back.
  const Allocator::Buffer rows{storage.data, storage.bytes};
  rows.bytes > stream.allocator.stats().current / 16 ? stream.give_back(rows) : stream.give(rows);
  storage.data = nullptr;
  storage.form = form;
  storage.bytes = packed.bytes;
}

// Room for the rows takes the place of the packed form, which is as good as gone when this returns.
void leave_form(Stream& stream, Storage& storage, bool unpack) {
  const Allocator::Buffer rows = stream.take(storage.used);
  if (!rows.data) throw OutOfMemory(storage.used);
  stream.give_up_graph_of(storage);
  if (unpack) stream.push(std::make_unique<UnpackTask>(storage.form, rows.data));
  stream.give({storage.form.data, storage.bytes});
  storage.data = rows.data;
  storage.bytes = rows.bytes;
  storage.form = {};
  storage.asked_back = true;
  storage.patience = weight_patience;
}

}  // namespace

void want_rows(Stream& stream, Storage& storage) {
  if (storage.form.data) return leave_form(stream, storage, true);
  if (storage.asked_back) storage.patience = weight_patience;
}

void want_room(Stream& stream, Storage& storage) {
  if (storage.form.data) leave_form(stream, storage, false);
}

void want_weight(Stream& stream, Weight& w, int64_t offset, const DType* product) {
  Storage& storage = *w.storage;
  PackedWeight form{nullptr, -1, w.dtype, 0, 0};
  const bool whole = is_whole(w, storage, offset);
  if (whole && product) form = form_for(stream, w, *product);

  const PackedWeight& now = storage.form;
  if (now.data) {
    const bool other = !whole || w.dtype != now.dtype || (product && form.packing != now.packing);
    if (other) want_rows(stream, storage);
  } else if (form.packing >= 0 && storage.is_weight && storage.owner == Storage::Owner::pool) {
    storage.patience > 0 ? void(storage.patience--) : pack(stream, storage, form);
  } else if (product) {
    want_rows(stream, storage);
  }

  if (now.data) {
    w.packed = now;
  } else {
    w.data = static_cast<char*>(storage.data) + offset;
  }
}

}  // namespace ettin
