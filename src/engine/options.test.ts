import { expect, test } from 'vitest'
import { normalizeEngineOptions } from './options.js'

test('directories come from the options, then the environment, then the defaults', () => {
  expect(normalizeEngineOptions({}, {})).toEqual({
    root: '/var/lib/inboard',
    runRoot: '/run/inboard',
    storageDriver: undefined,
    maxConcurrentDownloads: 3,
    maxConcurrentUploads: 5,
    layerLimits: {},
    registries: {},
    logDrivers: {},
    volumeDrivers: {},
  })
  const env = { INBOARD_ROOT: '/e/root', INBOARD_RUN_ROOT: '/e/run' }
  expect(normalizeEngineOptions({ root: '/o/' }, env)).toMatchObject({ root: '/o', runRoot: '/e/run' })
})

test('what registries are opened with is kept together', () => {
  const registries = { registries: { 'reg.local': { insecure: true } }, dockerConfigDirectory: '/c' }
  expect(normalizeEngineOptions({ ...registries, layerLimits: { maxBytes: 1 } }, {})).toMatchObject({
    registries,
    layerLimits: { maxBytes: 1 },
  })
})

test.each([
  [{ root: 'relative' }, 'root'],
  [{ root: '/a:b' }, 'root'],
  [{ runRoot: `/${'x'.repeat(40)}` }, 'runRoot'],
  [{ storageDriver: 'zfs' as 'vfs' }, 'storageDriver'],
  [{ maxConcurrentDownloads: 0 }, 'maxConcurrentDownloads'],
  [{ maxConcurrentUploads: 1.5 }, 'maxConcurrentUploads'],
  [{ layerLimits: { maxEntries: -1 } }, 'layerLimits.maxEntries'],
  [{ registries: [] as never }, 'registries'],
  [{ dockerConfigDirectory: 'relative' }, 'dockerConfigDirectory'],
  [{ certificatesDirectory: 7 as never }, 'certificatesDirectory'],
])('refuses %j', (options, option) => {
  expect(() => normalizeEngineOptions(options, {})).toThrow(
    expect.objectContaining({ code: 'INVALID_OPTION', details: expect.objectContaining({ option }) }),
  )
})
