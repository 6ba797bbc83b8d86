import { expect, test } from 'vitest'
import { checkVolumesFrom, parseVolumesFrom } from './volumes-from.js'

test.each([
  ['db', { container: 'db', readOnly: false }],
  ['db:', { container: 'db', readOnly: false }],
  ['db:ro', { container: 'db', readOnly: true }],
  ['db:rw', { container: 'db', readOnly: false }],
  ['db:Z,ro', { container: 'db', readOnly: true }],
  ['db:z,consistent', { container: 'db', readOnly: false }],
])('%s are the volumes of a container', (spec, parsed) => {
  expect(parseVolumesFrom(spec)).toEqual(parsed)
})

test.each([
  ['', 'volumes-from specification cannot be an empty string'],
  ['db:foo', 'invalid mode: foo'],
  ['db:ro,rw', 'invalid mode: ro,rw'],
  ['db:z,Z', 'invalid mode: z,Z'],
  ['db:nocopy', 'invalid mode: nocopy'],
  ['db:rslave', 'invalid mode: rslave'],
  ['db:ro:z', 'invalid mode: ro:z'],
  [':ro', 'invalid name or ID supplied: ""'],
  [':', 'invalid name or ID supplied: ""'],
])('the volumes of %j are refused', (spec, message) => {
  expect(() => checkVolumesFrom(['db', spec])).toThrow(message)
  const details = { option: 'volumesFrom', value: spec }
  expect(() => checkVolumesFrom([spec])).toThrow(expect.objectContaining({ code: 'INVALID_OPTION', details }))
})

test('entries stay as they were given', () => {
  expect(checkVolumesFrom(['db:ro', 'web'])).toEqual(['db:ro', 'web'])
  expect(checkVolumesFrom(undefined)).toEqual([])
})
