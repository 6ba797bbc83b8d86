import { expect, it } from 'vitest'
import { squashedHistory } from './squash.js'

const history = [
  { created: '2001-01-01T00:00:00Z', created_by: 'base' },
  { created: '2024-01-01T00:00:00Z', created_by: 'RUN x # buildkit' },
  { created_by: 'CMD ["x"]', empty_layer: true },
]

it("keeps the base's entries, has those of the build make no layer, and adds one that does", () => {
  const base = { image: 'sha256:base', layers: 1, history: 1 }
  expect(squashedHistory({ history, base }, 'sha256:id', true)).toEqual([
    history[0],
    { ...history[1], empty_layer: true },
    history[2],
    { comment: 'merge sha256:id to sha256:base' },
  ])
})

it('says that there was nothing before, and that nothing came of it', () => {
  expect(squashedHistory({ history: [] }, 'sha256:id', false)).toEqual([
    { comment: 'create new from sha256:id', empty_layer: true },
  ])
})
