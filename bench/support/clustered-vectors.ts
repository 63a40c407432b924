/** Vectors of length 1 around random centres, as embeddings of texts on some topics lie: the same in every run. */
export function clusteredVectors(rows: number, dim: number, seed: number, centres = 1000): Float32Array {
  const draw = normals(1);
  const middle = Float32Array.from({ length: centres * dim }, draw);
  const noise = normals(seed);
  const pick = uniform(seed + 1);
  const out = new Float32Array(rows * dim);
  for (let row = 0; row < rows; row++) {
    const centre = Math.floor(pick() * centres) * dim;
    let squares = 0;
    for (let d = 0; d < dim; d++) {
      const value = middle[centre + d]! + noise();
      out[row * dim + d] = value;
      squares += value * value;
    }
    const scale = 1 / Math.sqrt(squares);
    for (let d = 0; d < dim; d++) out[row * dim + d]! *= scale;
  }
  return out;
}

/** Numbers in [0, 1): a xorshift of 32 bits. */
function uniform(seed: number): () => number {
  let state = (seed * 2654435761) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** By Box and Muller, two at a time. */
function normals(seed: number): () => number {
  const next = uniform(seed);
  let spare = Number.NaN;
  return () => {
    if (!Number.isNaN(spare)) {
      const value = spare;
      spare = Number.NaN;
      return value;
    }
    const length = Math.sqrt(-2 * Math.log(next() + 2 ** -33));
    const angle = 2 * Math.PI * next();
    spare = length * Math.sin(angle);
    return length * Math.cos(angle);
  };
}
