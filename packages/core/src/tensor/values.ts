/** Numbers on their way between a tensor and JavaScript. */
import { EngineError, shapeText } from "../errors.ts";
import { decode, encode, type TypedArray } from "./bytes.ts";
import { DTYPE_BYTES } from "./dtype.ts";
import { contiguousStrides } from "./shape.ts";
import { Storage } from "./storage.ts";
import { Tensor } from "./tensor.ts";

/** `Tensor.data` */
export async function readValues(tensor: Tensor): Promise<TypedArray> {
  const width = DTYPE_BYTES[tensor.dtype];
  const source = tensor.isContiguous ? tensor.hold() : copyForReading(tensor);
  const bytes = source.backend.download(source.storage.id, source.offset * width, source.size * width);
  source.dispose();
  return decode(await bytes, tensor.dtype);
}

/** Belongs to no scope. */
function copyForReading(x: Tensor): Tensor {
  const storage = new Storage(x.backend.allocate(x.size * DTYPE_BYTES[x.dtype]), x.backend);
  const copy = new Tensor(storage, x.device, x.dtype, x.shape, contiguousStrides(x.shape), 0, null);
  x.backend.copy(copy, x);
  return copy;
}

/** `Tensor.setValues` */
export function writeValues(tensor: Tensor, values: ArrayLike<number>): void {
  const { size, shape, isContiguous, storage } = tensor;
  if (values.length !== size || !isContiguous) {
    throw new EngineError(
      "setValues",
      `${values.length} values for a ${isContiguous ? "" : "strided "}tensor ${shapeText(shape)}`,
      "Give one value for each element of a contiguous tensor.",
    );
  }
  if (tensor.node) {
    throw new EngineError("setValues", `the tensor made by ${tensor.madeBy} is on the tape`, "Detach it first.");
  }
  storage.version++;
  tensor.backend.upload(storage.id, tensor.offset * DTYPE_BYTES[tensor.dtype], encode(values, tensor.dtype));
}
