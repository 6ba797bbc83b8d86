import { expect, test } from 'vitest'
import { normalizeEngineOptions } from './options.js'

test('directories come from the options, then the environment, then the defaults', () => {
  expect(normalizeEngineOptions({}, {})).toEqual({
    root: '/var/lib/inboard',
    runRoot: '/run/inboard',
    storageDriver: undefined,
  })
  const env = { INBOARD_ROOT: '/e/root', INBOARD_RUN_ROOT: '/e/run' }
  expect(normalizeEngineOptions({ root: '/o/' }, env)).toMatchObject({ root: '/o', runRoot: '/e/run' })
})

test.each([
  [{ root: 'relative' }, 'root'],
  [{ root: '/a:b' }, 'root'],
  [{ runRoot: `/${'x'.repeat(40)}` }, 'runRoot'],
  [{ storageDriver: 'zfs' as 'vfs' }, 'storageDriver'],
])('refuses %j', (options, option) => {
  expect(() => normalizeEngineOptions(options, {})).toThrow(
    expect.objectContaining({ code: 'INVALID_OPTION', details: expect.objectContaining({ option }) }),
  )
})
