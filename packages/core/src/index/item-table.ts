import type { Hit, Json } from "./vector-index.ts";

/** Ids and metadata of the places of an index. A place that nobody has is free. */
export class ItemTable {
  readonly #ids: (string | null)[] = [];
  readonly #metadata: Json[] = [];
  readonly #places = new Map<string, number>();
  readonly #free: number[] = [];

  /** Items. */
  get size(): number {
    return this.#places.size;
  }

  /** Places, free ones too. */
  get length(): number {
    return this.#ids.length;
  }

  /** Places that are free. */
  get freed(): number {
    return this.#ids.length - this.#places.size;
  }

  ids(): IterableIterator<string> {
    return this.#places.keys();
  }

  placeOf(id: string): number | undefined {
    return this.#places.get(id);
  }

  idAt(place: number): string | null {
    return this.#ids[place] ?? null;
  }

  metadataAt(place: number): Json {
    return this.#metadata[place] ?? null;
  }

  hit(place: number, score: number): Hit | null {
    const id = this.idAt(place);
    return id === null ? null : { id, score, metadata: this.metadataAt(place) };
  }

  /** Gives a place to an id, which leaves the one that it had. */
  set(place: number, id: string, metadata: Json): void {
    const before = this.#places.get(id);
    if (before !== undefined && before !== place) this.#leave(before);
    while (this.#ids.length < place) this.#leave(this.#ids.length);
    this.#ids[place] = id;
    this.#metadata[place] = metadata;
    this.#places.set(id, place);
  }

  /** @returns the place that it had */
  delete(id: string): number | undefined {
    const place = this.#places.get(id);
    if (place === undefined) return undefined;
    this.#places.delete(id);
    this.#leave(place);
    return place;
  }

  /** A free place, which is then nobody else's. */
  reuse(): number | undefined {
    return this.#free.pop();
  }

  /** Gives back what `reuse` gave. */
  giveBack(place: number): void {
    this.#free.push(place);
  }

  /** A place without an item, when a table is read. */
  setFree(place: number): void {
    this.#leave(place);
  }

  /** Places of items, ascending. */
  live(): Int32Array {
    const places = new Int32Array(this.size);
    let count = 0;
    for (let place = 0; place < this.#ids.length; place++) if (this.#ids[place] !== null) places[count++] = place;
    return places;
  }

  #leave(place: number): void {
    this.#ids[place] = null;
    this.#metadata[place] = null;
    this.#free.push(place);
  }
}
