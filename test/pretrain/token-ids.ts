/** The ids of a tokenizer that nobody needs: 64 entries, of which five have a role. */
export const tokenizer = { vocabSize: 64, pad: 0, cls: 1, sep: 2, mask: 3, unk: 4 };
