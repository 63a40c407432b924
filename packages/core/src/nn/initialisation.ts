/** How a parameter starts when no file gives its values. */
export type Initialisation =
  | { readonly kind: "zeros" }
  | { readonly kind: "ones" }
  | {
      /** Normal with mean 0, cut off where `cutoff` is given. */
      readonly kind: "normal";
      readonly std: number;
      /** The bounds, in standard deviations: values outside are not drawn. The spread shrinks accordingly. */
      readonly cutoff?: number;
      /** A row that starts as zeros: the padding token's. */
      readonly zeroRow?: number | null;
    };

export const zeros: Initialisation = { kind: "zeros" };
export const ones: Initialisation = { kind: "ones" };

export const normal = (std: number, zeroRow: number | null = null): Initialisation => ({
  kind: "normal",
  std,
  zeroRow,
});

/** Normal with mean 0 and bounds at `cutoff` standard deviations on both sides. */
export const truncatedNormal = (std: number, cutoff: number): Initialisation => ({ kind: "normal", std, cutoff });
