/**
 * A tensor: a handle on a storage, with a shape, strides, a dtype and a place on the tape. Every op returns at once;
 * only `await tensor.data()` and `await tensor.item()` wait for the device.
 */
import type { Backend, TensorView } from "../backend/contract.ts";
import { type Device, type DeviceName, resolveDevice } from "../device.ts";
import { EngineError, expectTensorDtype, shapeText } from "../errors.ts";
import * as ops from "../ops/tensor-methods.ts";
import { encode, type TypedArray } from "./bytes.ts";
import { DTYPE_BYTES, type DType } from "./dtype.ts";
import { flatten, type NestedNumbers } from "./nested.ts";
import { innermostScope, type Scope } from "./scope.ts";
import { contiguousStrides, sizeOf } from "./shape.ts";
import { Storage } from "./storage.ts";
import { backward, type TapeMemory, type TapeNode } from "./tape.ts";
import { readValues, writeValues } from "./values.ts";

export interface TensorOptions {
  /** @default "float32"; int32 for an `Int32Array` */
  dtype?: DType;
  /** @default the default device */
  device?: Device | DeviceName;
  /**
   * Makes a leaf: gradients add up in its `grad`.
   *
   * @default false
   */
  requiresGrad?: boolean;
}

interface Registered {
  readonly storage: Storage;
  tape: TapeMemory | null;
}

/** Handles that were made outside any scope and collected without `dispose()`. */
const forgotten = new FinalizationRegistry<Registered>((held) => {
  held.tape?.release();
  held.storage.release();
});

export class Tensor implements TensorView {
  /** The op that made it, for messages. */
  madeBy: string = "Tensor";
  node: TapeNode | null = null;
  /** Which of the node's results this is. */
  output: number = 0;
  /** The sum of the gradients that reached this leaf; null before the first backward pass. */
  grad: Tensor | null = null;
  private leaf = false;
  private scope: Scope | undefined = undefined;
  private registered: Registered | null = null;
  private gone = false;
  private readonly memory: Storage;
  readonly device: Device;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Elements from one entry to the next, per dimension. */
  readonly strides: readonly number[];
  /** Elements before the first one. */
  readonly offset: number;

  /** For ops and views; elsewhere `Tensor.from`, `empty`, `zeros`, `ones`, `full`. `scope` null: the caller's to dispose. */
  constructor(
    memory: Storage,
    device: Device,
    dtype: DType,
    shape: readonly number[],
    strides: readonly number[],
    offset: number,
    scope: Scope | undefined | null = innermostScope(),
  ) {
    expectTensorDtype("Tensor", dtype);
    this.memory = memory.retain();
    this.device = device;
    this.dtype = dtype;
    this.shape = shape;
    this.strides = strides;
    this.offset = offset;
    if (scope !== null) this.adopt(scope);
  }

  /** Memory that nobody has filled yet: for an op's result. `like` gives device and dtype where they are not given. */
  static empty(
    shape: readonly number[],
    like: Tensor | TensorOptions = {},
    dtype: DType = like.dtype ?? "float32",
  ): Tensor {
    expectTensorDtype("Tensor", dtype);
    const device = like instanceof Tensor ? like.device : resolveDevice(like.device);
    for (const size of shape) {
      if (!Number.isSafeInteger(size) || size < 0) {
        throw new EngineError(
          "Tensor",
          `shape ${shapeText(shape)} has a size that is not a whole number`,
          "Sizes are 0, 1, 2 …",
        );
      }
    }
    const { backend } = device;
    const storage = new Storage(backend.allocate(sizeOf(shape) * DTYPE_BYTES[dtype]), backend);
    return new Tensor(storage, device, dtype, [...shape], contiguousStrides(shape), 0);
  }

  /**
   * Copies numbers to a device.
   *
   * @param values nested arrays, a number, or a typed array (with `shape`, else one dimension)
   */
  static from(values: NestedNumbers | TypedArray, options: TensorOptions & { shape?: readonly number[] } = {}): Tensor {
    const typed = ArrayBuffer.isView(values);
    const dtype = options.dtype ?? (values instanceof Int32Array ? "int32" : "float32");
    const flat = typed ? { data: values, shape: [values.length] } : flatten(values);
    const shape = options.shape ?? flat.shape;
    if (sizeOf(shape) !== flat.data.length) {
      throw new EngineError(
        "Tensor.from",
        `${flat.data.length} values, but shape ${shapeText(shape)} has ${sizeOf(shape)}`,
        "Pass a shape with as many places as there are values.",
      );
    }
    const tensor = Tensor.empty(shape, options, dtype);
    const bytes = encode(flat.data, dtype);
    tensor.backend.upload(tensor.memory.id, 0, bytes);
    if (bytes instanceof Int32Array && bytes.length <= 1 << 16) {
      tensor.memory.hostValues = bytes === values ? bytes.slice() : bytes;
    }
    tensor.madeBy = "Tensor.from";
    if (options.requiresGrad) tensor.requiresGrad = true;
    return tensor;
  }

  static full(shape: readonly number[], value: number, options: TensorOptions = {}): Tensor {
    const tensor = Tensor.empty(shape, options);
    tensor.backend.fill(tensor, value);
    tensor.madeBy = "Tensor.full";
    if (options.requiresGrad) tensor.requiresGrad = true;
    return tensor;
  }

  static zeros(shape: readonly number[], options: TensorOptions = {}): Tensor {
    return Tensor.full(shape, 0, options);
  }

  static ones(shape: readonly number[], options: TensorOptions = {}): Tensor {
    return Tensor.full(shape, 1, options);
  }

  /** The storage; an error names the op that made this handle if it was disposed. */
  get storage(): Storage {
    if (this.gone) {
      throw new EngineError(
        "Tensor",
        `a ${this.dtype} tensor ${shapeText(this.shape)} made by ${this.madeBy} was used after it was disposed`,
        "Return it from its tensorScope, or use it before dispose().",
      );
    }
    return this.memory;
  }

  get backend(): Backend {
    return this.device.backend;
  }

  get size(): number {
    return sizeOf(this.shape);
  }

  get isDisposed(): boolean {
    return this.gone;
  }

  get isContiguous(): boolean {
    let stride = 1;
    for (let d = this.shape.length - 1; d >= 0; d--) {
      if (this.shape[d] !== 1 && this.strides[d] !== stride) return this.size === 0;
      stride *= this.shape[d]!;
    }
    return true;
  }

  /** Whether gradients reach it: a leaf that asks for them, or a result on the tape. */
  get requiresGrad(): boolean {
    return this.leaf || this.node !== null;
  }

  set requiresGrad(on: boolean) {
    if (this.node) {
      throw new EngineError(
        "requiresGrad",
        `a tensor ${shapeText(this.shape)} made by ${this.madeBy} is on the tape`,
        "Set it on leaves only; use detach() for a result without a tape.",
      );
    }
    if (on && this.dtype !== "float32" && this.dtype !== "bfloat16") {
      throw new EngineError("requiresGrad", `${this.dtype} has no gradients`, "Use float32 or bfloat16.");
    }
    this.leaf = on;
  }

  /** What a small int32 tensor was made from, while nobody has changed it in place; else null. */
  hostValues(): Int32Array | null {
    const { hostValues, version } = this.storage;
    if (!hostValues || version > 0 || !this.isContiguous) return null;
    return hostValues.subarray(this.offset, this.offset + this.size);
  }

  /** A view of the same storage, off the tape. Strides and offset count elements. */
  viewAs(
    shape: readonly number[],
    strides: readonly number[] = contiguousStrides(shape),
    offset: number = this.offset,
  ): Tensor {
    const view = new Tensor(this.storage, this.device, this.dtype, shape, strides, offset);
    view.madeBy = this.madeBy;
    return view;
  }

  /** The same values without a tape; shares the storage. */
  detach(): Tensor {
    return this.viewAs(this.shape, this.strides);
  }

  /** A handle for a holder (the tape, a gradient, a cache): in no scope, disposed by its holder. */
  hold(): Tensor {
    const held = new Tensor(this.storage, this.device, this.dtype, this.shape, this.strides, this.offset, null);
    held.madeBy = this.madeBy;
    return held;
  }

  // Ops as methods; each is documented in ops/.

  /** The same values in another dtype. */
  to(dtype: DType): Tensor {
    return ops.cast(this, dtype);
  }
  /** Rows one after the other in memory: this tensor where they are, else a copy. */
  contiguous(): Tensor {
    return ops.contiguous(this);
  }
  add(other: Tensor | number): Tensor {
    return ops.add(this, other);
  }
  sub(other: Tensor | number): Tensor {
    return ops.sub(this, other);
  }
  mul(other: Tensor | number): Tensor {
    return ops.mul(this, other);
  }
  div(other: Tensor | number): Tensor {
    return ops.div(this, other);
  }
  neg(): Tensor {
    return ops.neg(this);
  }
  matmul(other: Tensor): Tensor {
    return ops.matmul(this, other);
  }
  sum(axes?: number | readonly number[], options?: { keepDims?: boolean }): Tensor {
    return ops.sum(this, axes, options);
  }
  mean(axes?: number | readonly number[], options?: { keepDims?: boolean }): Tensor {
    return ops.mean(this, axes, options);
  }
  reshape(shape: readonly number[]): Tensor {
    return ops.reshape(this, shape);
  }
  transpose(first?: number, second?: number): Tensor {
    return ops.transpose(this, first, second);
  }
  expand(shape: readonly number[]): Tensor {
    return ops.expand(this, shape);
  }
  slice(start: number, end?: number, axis?: number): Tensor {
    return ops.slice(this, start, end, axis);
  }

  /**
   * Copies the values to JavaScript. Enqueued at the call, so the tensor may be changed or disposed right after it.
   *
   * @returns a `Float32Array` for float32 and bfloat16, an `Int32Array` for int32
   * @throws KernelError if a kernel that this tensor depends on failed; it names that op
   */
  data(): Promise<TypedArray> {
    return readValues(this);
  }

  /** The one value of a tensor of one element. */
  async item(): Promise<number> {
    if (this.size !== 1) {
      throw new EngineError(
        "item",
        `the tensor has shape ${shapeText(this.shape)}`,
        "Only one element has an item(): use data().",
      );
    }
    return (await this.data())[0]!;
  }

  /**
   * Copies numbers into this tensor's memory: whoever shares it sees them. Enqueued at the call, as a kernel is.
   *
   * @param values as many as the tensor has elements, in their order
   */
  setValues(values: ArrayLike<number>): void {
    writeValues(this, values);
  }

  /**
   * Sends gradients back to the leaves; they add up in `grad`.
   *
   * @param options `gradient`: dL/dy, needed unless this tensor has one element (then 1); `keepTape`: allow another
   *   backward pass over the same tape
   */
  backward(options: { gradient?: Tensor; keepTape?: boolean } = {}): void {
    backward(this, options.gradient, options.keepTape ?? false);
  }

  /**
   * Adds a gradient to a leaf's `grad`, which outlives every scope. Called by the tape.
   *
   * @param alone whether no other input got the same tensor
   */
  addGrad(gradient: Tensor, alone: boolean): void {
    const { grad } = this;
    if (grad === gradient) return; // a kernel accumulated into it
    if (!grad) {
      // Another owner could see this leaf's later gradients being added in place: only a storage of its own is kept.
      const own = alone && gradient.memory.owners === 1 && gradient.isContiguous && gradient.dtype === this.gradDType;
      this.setGrad(own ? gradient : cast(gradient, this.gradDType));
      return;
    }
    const sum = Tensor.empty(this.shape, this, grad.dtype);
    this.backend.add(sum, grad, gradient.dtype === grad.dtype ? gradient : cast(gradient, grad.dtype));
    this.setGrad(sum);
    grad.dispose();
  }

  private setGrad(gradient: Tensor): void {
    this.grad = gradient.hold();
    this.grad.adopt(undefined);
  }

  private get gradDType(): DType {
    return this.dtype === "bfloat16" ? "bfloat16" : "float32";
  }

  /** Forgets the gradient. */
  zeroGrad(): void {
    this.grad?.dispose();
    this.grad = null;
  }

  /** Moves this handle to a scope, or out of all scopes, where collection may free it. Called by scopes. */
  adopt(scope: Scope | undefined): void {
    this.scope?.remove(this);
    if (this.registered) forgotten.unregister(this);
    this.registered = null;
    this.scope = scope;
    if (scope) scope.add(this);
    else {
      this.registered = { storage: this.memory, tape: this.node?.memory ?? null };
      forgotten.register(this, this.registered, this);
    }
  }

  /** Puts this result on the tape. Called by `record`. */
  setNode(node: TapeNode, output: number): void {
    node.memory.retain();
    this.node = node;
    this.output = output;
    if (this.registered) this.registered.tape = node.memory;
  }

  /** Gives up this handle; the storage goes with its last owner. Harmless when repeated. */
  dispose(): void {
    if (this.gone) return;
    this.gone = true;
    this.scope?.remove(this);
    if (this.registered) forgotten.unregister(this);
    this.zeroGrad();
    this.memory.release();
    this.node?.memory.release();
    this.node = null;
  }
}

function cast(x: Tensor, dtype: DType): Tensor {
  const y = Tensor.empty(x.shape, x, dtype);
  x.backend.copy(y, x);
  return y;
}
