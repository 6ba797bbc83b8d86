import type { CopyInstruction } from '../dockerfile/index.js'

/** What brings all files of a named context into a stage that is built from it. */
export function copyAll(name: string): CopyInstruction {
  return {
    kind: 'COPY',
    keyword: 'COPY',
    original: `COPY --from=${name} / /`,
    lines: { first: 1, last: 1 },
    comments: [],
    from: name,
    sources: [{ kind: 'path', path: '/' }],
    destination: '/',
    link: false,
    parents: false,
    exclude: [],
  }
}
