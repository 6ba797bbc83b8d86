/** SHA-256 of a file's content and extended attributes: eight words among others, as there are very many. */
export interface ContentDigest {
  readonly words: Uint32Array
  readonly at: number
}

export const digestWords = 8

export function copyDigest({ words, at }: ContentDigest, to: Uint32Array, position: number): void {
  for (let word = 0; word < digestWords; word++) to[position + word] = words[at + word] as number
}
