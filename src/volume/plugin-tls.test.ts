import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { VolumePlugin } from '../../test/support/volume-plugin.js'
import { findPlugin } from './plugin-discovery.js'
import { openPlugin } from './plugin-driver.js'

const directory = mkdtempSync(join(tmpdir(), 'inboard-test-'))
const file = (name: string) => join(directory, name)
const read = (name: string) => readFileSync(file(name), 'utf8')
const call = { signal: new AbortController().signal }

let plain: VolumePlugin
let secured: VolumePlugin
let mutual: VolumePlugin
beforeAll(async () => {
  authority('ca')
  authority('other')
  certificate('server', 'subjectAltName=IP:127.0.0.1')
  certificate('client', 'extendedKeyUsage=clientAuth')
  const tls = { cert: read('server.crt'), key: read('server.key') }
  plain = await VolumePlugin.start({ directory: file('plain') })
  secured = await VolumePlugin.start({ directory: file('secured'), tls })
  mutual = await VolumePlugin.start({ directory: file('mutual'), tls: { ...tls, ca: read('ca.crt') } })
})
afterAll(async () => {
  for (const plugin of [plain, secured, mutual]) await plugin[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true })
})

const openssl = (...parameters: string[]) => execFileSync('openssl', parameters, { cwd: directory, stdio: 'ignore' })
const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

function authority(name: string): void {
  const out = ['-keyout', `${name}.key`, '-out', `${name}.crt`]
  openssl('req', '-x509', ...newKey, ...out, '-subj', `/CN=${name}`, '-days', '2')
}

function certificate(name: string, extension: string): void {
  openssl('req', '-new', ...newKey, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`)
  writeFileSync(file(`${name}.ext`), extension)
  const signer = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', `${name}.ext`]
  openssl('x509', '-req', '-in', `${name}.csr`, '-out', `${name}.crt`, ...signer)
}

/** Asks the plugin that a description leads to for its volumes. */
async function ask(Addr: string, TLSConfig?: object) {
  writeFileSync(file('disk.json'), JSON.stringify({ Name: 'disk', Addr, TLSConfig }))
  const address = await findPlugin('disk', { sockets: [], specs: [directory] })
  if (!address) throw new Error('there is no such plugin')
  const driver = await openPlugin(address, { connectMs: 0, signal: call.signal })
  return driver.list?.(call)
}

test('a plugin is spoken to over TCP', async () => {
  expect(await ask(`tcp://127.0.0.1:${plain.port}`)).toEqual([])
})

test.each(['https', 'tcp'])(
  'a plugin is spoken to over TLS where its description has an authority, by %s://',
  async (scheme) => {
    expect(await ask(`${scheme}://127.0.0.1:${secured.port}`, { CAFile: file('ca.crt') })).toEqual([])
  },
)

test("a plugin that wants a certificate of its client's gets the description's", async () => {
  const client = { CertFile: file('client.crt'), KeyFile: file('client.key') }
  expect(await ask(`https://127.0.0.1:${mutual.port}`, { CAFile: file('ca.crt'), ...client })).toEqual([])
  await expect(ask(`https://127.0.0.1:${mutual.port}`, { CAFile: file('ca.crt') })).rejects.toMatchObject({
    code: 'VOLUME_DRIVER_FAILED',
  })
})

test.each([{ CAFile: file('other.crt') }, {}, undefined])(
  'a plugin whose certificate is of nobody who is trusted is asked for nothing: %j',
  async (config) => {
    const before = (await secured.asked()).length
    const error = await ask(`https://127.0.0.1:${secured.port}`, config).catch((error) => error)
    expect(error).toMatchObject({ name: 'VolumeError', code: 'VOLUME_DRIVER_FAILED' })
    expect(error.message).toContain('TLSConfig.CAFile')
    expect(await secured.asked()).toHaveLength(before)
  },
)

test('a certificate for another name is not taken', async () => {
  const config = { CAFile: file('ca.crt') }
  await expect(ask(`https://localhost:${secured.port}`, config)).rejects.toMatchObject({ code: 'VOLUME_DRIVER_FAILED' })
})

test('InsecureSkipVerify takes any certificate', async () => {
  expect(await ask(`https://localhost:${secured.port}`, { InsecureSkipVerify: true })).toEqual([])
})

test('a plugin that speaks no TLS is told from one that does', async () => {
  const error = await ask(`https://127.0.0.1:${plain.port}`, { CAFile: file('ca.crt') }).catch((error) => error)
  expect(error).toMatchObject({ name: 'VolumeError', code: 'VOLUME_DRIVER_FAILED' })
  expect(error.message).toContain('does it speak TLS?')
})

test('a file of the TLSConfig that is not there is named', async () => {
  const error = ask(`https://127.0.0.1:${secured.port}`, { CAFile: file('none.crt') })
  await expect(error).rejects.toThrow(file('none.crt'))
})
