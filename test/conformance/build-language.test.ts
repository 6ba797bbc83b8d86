import { expect, test } from 'vitest'
import { compareWithDocker } from './support/build-corpus.js'
import { reasons, shareOf } from './support/build-differences/index.js'

for (const group of ['variables', 'scopes', 'syntax', 'refused'] as const) compareWithDocker(group)

test('more than 300 Dockerfiles are compared, and five of six come to the same', () => {
  console.log(['builds beside the classic builder', shareOf(), ...reasons()].join('\n'))
  const [equal, all] = (/^(\d+) of (\d+)/.exec(shareOf()) as unknown as string[]).slice(1).map(Number)
  expect(all).toBeGreaterThan(300)
  expect((equal as number) / (all as number)).toBeGreaterThan(5 / 6)
})
