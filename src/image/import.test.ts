import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { stream, tar } from '../../test/support/archives.js'
import { type TestStore, testStore } from '../../test/support/image-store.js'
import { busyboxForm } from '../../test/support/images.js'
import { applyChanges } from './changes.js'

describe('import', () => {
  let store: TestStore
  beforeEach(async () => {
    store = await testStore()
  })
  afterEach(() => store[Symbol.dispose]())

  it('makes an image of a root filesystem', async () => {
    const changes = ['CMD ["sh"]', 'ENV A=1 B="two words"', 'EXPOSE 80 53/udp']
    const image = await store.images.import(busyboxForm('rootfs'), { reference: 'mine', changes, message: 'hello' })
    const record = store.images.get('mine')
    expect(image).toEqual({ id: record.id, references: ['mine:latest'] })
    expect(record).toMatchObject({
      os: 'linux',
      comment: 'hello',
      config: { Cmd: ['sh'], Env: ['A=1', 'B=two words'], ExposedPorts: { '80/tcp': {}, '53/udp': {} } },
      history: [{ comment: 'hello' }],
    })
    expect(store.snapshots.readFile(record.chain, undefined, '/etc/passwd')).toMatch(/^root:x:0:0/)
  })

  it('takes compressed streams, and keeps the layer as a plain tar', async () => {
    const rootfs = await tar({ 'etc/name': 'x' })
    const { id } = await store.images.import(stream(gzipSync(rootfs)), { platform: 'linux/arm64/v8' })
    const { layers, references, architecture } = store.images.get(id)
    expect(layers[0]?.blob).toBe(layers[0]?.diffId)
    expect({ references, architecture }).toEqual({ references: [], architecture: 'arm64' })
  })

  it.each([
    [
      'a truncated tar',
      async () => stream((await tar({ file: Buffer.alloc(5000) })).subarray(0, 3000)),
      'InvalidOptionError',
    ],
    ['text', async () => stream(Buffer.from('no tar '.repeat(500))), 'InvalidOptionError'],
    ['an escape', async () => stream(await tar({ '../../x': 'y' })), 'LayerError'],
    ['a directory', async () => '/usr', 'InvalidOptionError'],
    ['a missing file', async () => '/nonexistent', 'NotFoundError'],
  ])('leaves nothing of %s', async (_, source, name) => {
    await expect(store.images.import(await source())).rejects.toMatchObject({ name })
    expect(store.remains()).toEqual([])
  })
})

describe('changes', () => {
  it.each([
    [['CMD echo hi'], { Cmd: ['/bin/sh', '-c', 'echo hi'] }],
    [['cmd ["echo", "hi"]'], { Cmd: ['echo', 'hi'] }],
    [['ENTRYPOINT ["/init"]'], { Entrypoint: ['/init'] }],
    [['ENV A b c'], { Env: ['A=b c'] }],
    [['ENV A=1', 'ENV A=2 B=x\\ y'], { Env: ['A=2', 'B=x y'] }],
    [['LABEL a=b "c d"=\'e f\''], { Labels: { a: 'b', 'c d': 'e f' } }],
    [['EXPOSE 8000-8002'], { ExposedPorts: { '8000/tcp': {}, '8001/tcp': {}, '8002/tcp': {} } }],
    [['VOLUME /data /more'], { Volumes: { '/data': {}, '/more': {} } }],
    [['VOLUME ["/a b"]'], { Volumes: { '/a b': {} } }],
    [['USER 1000:1000', 'STOPSIGNAL SIGQUIT'], { User: '1000:1000', StopSignal: 'SIGQUIT' }],
    [['WORKDIR /a', 'WORKDIR b'], { WorkingDir: '/a/b' }],
  ])('%j means %j', (changes, config) => {
    expect(applyChanges({}, changes)).toEqual(config)
  })

  it.each([
    ['RUN ls', 'RUN is not a valid change command'],
    ['', '"" is not a valid change command'],
    ['CMD', 'CMD requires at least one argument'],
    ['ENV A', 'ENV must have two arguments'],
    ['ENV A=1 B', /can't find = in "B"/],
    ['EXPOSE 99999', 'Invalid containerPort: 99999'],
    ['EXPOSE x', 'Invalid containerPort: x'],
    ['USER a b', 'USER requires exactly one argument'],
  ])('refuses %j', (change, message) => {
    expect(() => applyChanges({}, [change])).toThrow(message)
  })
})
