import { expect, test } from 'vitest'
import { parseChallenges } from './challenge.js'

const parsed = (header: string) =>
  parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)])

test.each([
  [
    'Bearer realm="https://auth.example/token",service="reg",scope="repository:a/b:pull,push"',
    [['bearer', { realm: 'https://auth.example/token', service: 'reg', scope: 'repository:a/b:pull,push' }]],
  ],
  [
    'Basic realm="x", Bearer realm="y" , error=invalid_token',
    [
      ['basic', { realm: 'x' }],
      ['bearer', { realm: 'y', error: 'invalid_token' }],
    ],
  ],
  ['BEARER Realm = "a \\"quoted\\" \\\\ one"', [['bearer', { realm: 'a "quoted" \\ one' }]]],
  [
    'Negotiate, Basic realm=x',
    [
      ['negotiate', {}],
      ['basic', { realm: 'x' }],
    ],
  ],
  [
    'NTLM TlRMTVNTUAABAAAA==, Basic realm="x"',
    [
      ['ntlm', {}],
      ['basic', { realm: 'x' }],
    ],
  ],
  [
    'Bearer realm="never closed',
    [
      ['bearer', {}],
      ['realm', {}],
    ],
  ],
  ['', []],
  ['  ,, ', []],
  ['"', []],
])('%s', (header, challenges) => {
  expect(parsed(header)).toEqual(challenges)
})

test('a hostile header is read in no time, and to a bound', () => {
  const start = performance.now()
  for (const header of [
    `Bearer ${'a="\\"'.repeat(1e6)}`,
    'x '.repeat(1e6),
    `Bearer ${'a=b,'.repeat(1e6)}`,
    `Bearer ${'a'.repeat(1e6)}`,
    ` ${'\t'.repeat(1e6)}`,
    `Bearer a${' '.repeat(1e6)}`,
  ])
    expect(parseChallenges(header).length).toBeLessThanOrEqual(8)
  expect(performance.now() - start).toBeLessThan(1000)
})
