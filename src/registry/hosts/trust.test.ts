import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { describe, expect, test } from 'vitest'
import { directory, get, listen, makeAuthority, serve, textOfBody, transport } from '../fixture.js'

const trusted = makeAuthority()
const issued = {
  good: trusted.issue('IP:127.0.0.1,DNS:localhost'),
  expired: trusted.issue('IP:127.0.0.1', { from: '20200101000000Z', until: '20210101000000Z' }),
  otherName: trusted.issue('DNS:other.example'),
  client: trusted.issue('DNS:client'),
}

/** A loopback registry that is treated like any other one. */
const secure = (host: string, more = {}) => ({ registries: { [host]: { insecure: false, ...more } } })
const hello = (_: unknown, response: { end(text: string): unknown }) => response.end('hello')

test("the options' authority is trusted beside the system's", async () => {
  const { host } = await serve(hello, issued.good)
  const response = await transport(secure(host, { ca: trusted.ca })).request(get(host))
  expect(await textOfBody(response)).toBe('hello')
})

test('an authority of certs.d is trusted', async () => {
  const { host } = await serve(hello, issued.good)
  const certificatesDirectory = directory()
  mkdirSync(join(certificatesDirectory, host))
  writeFileSync(join(certificatesDirectory, host, 'any.crt'), trusted.ca)
  const response = await transport({ ...secure(host), certificatesDirectory }).request(get(host))
  expect(await textOfBody(response)).toBe('hello')
})

describe('a secure registry is refused', () => {
  test.each([
    ['whose authority is unknown', 'good' as const, false],
    ['whose certificate has expired', 'expired' as const, true],
    ['whose certificate is for another name', 'otherName' as const, true],
  ])('%s', async (_, name, isKnown) => {
    const { host, asked } = await serve(hello, issued[name])
    const { request } = transport(secure(host, isKnown ? { ca: trusted.ca } : {}))
    await expect(request(get(host))).rejects.toMatchObject({ code: 'REGISTRY_UNAVAILABLE' })
    expect(asked).toEqual([])
  })

  test('that speaks TLS 1.1 at most', async () => {
    const { host, asked } = await serve(hello, {
      ...issued.good,
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT:@SECLEVEL=0',
    })
    const { request } = transport(secure(host, { ca: trusted.ca }), { attempts: 2 })
    await expect(request(get(host))).rejects.toMatchObject({ code: 'REGISTRY_UNAVAILABLE' })
    expect(asked).toEqual([])
  })

  test('that speaks plain HTTP only', async () => {
    const { host, asked } = await serve(hello)
    await expect(transport(secure(host)).request(get(host))).rejects.toMatchObject({
      code: 'REGISTRY_UNAVAILABLE',
      message: expect.stringContaining(`registries['${host}'].insecure`),
    })
    expect(asked).toEqual([])
  })
})

test('an insecure registry may have any certificate', async () => {
  const { host } = await serve(hello, issued.expired)
  expect(await textOfBody(await transport().request(get(host)))).toBe('hello')
})

test.each([
  ['certs.d', true],
  ['the options', false],
])("the client's certificate of %s is shown", async (_, isInDirectory) => {
  const server = createServer(
    { ...issued.good, ca: trusted.ca, requestCert: true, rejectUnauthorized: true },
    (request, response) => response.end((request.socket as TLSSocket).getPeerCertificate().subject.CN),
  )
  const { host } = await listen(server)
  const certificatesDirectory = directory()
  mkdirSync(join(certificatesDirectory, host))
  const { cert, key } = issued.client
  if (isInDirectory) {
    writeFileSync(join(certificatesDirectory, host, 'me.cert'), cert)
    writeFileSync(join(certificatesDirectory, host, 'me.key'), key)
  }
  const options = secure(host, { ca: trusted.ca, ...(!isInDirectory && { cert, key }) })
  const response = await transport({ ...options, certificatesDirectory }).request(get(host))
  expect(await textOfBody(response)).toMatch(/^leaf/)
})

test.each([
  ['me.cert', 'missing key me.key for client certificate me.cert'],
  ['me.key', 'missing client certificate me.cert for key me.key'],
])('half a pair in certs.d, %s, is an error', async (name, message) => {
  const { host } = await serve(hello, issued.good)
  const certificatesDirectory = directory()
  mkdirSync(join(certificatesDirectory, host))
  writeFileSync(join(certificatesDirectory, host, name), issued.client.cert)
  await expect(transport({ certificatesDirectory }).request(get(host))).rejects.toMatchObject({
    code: 'INVALID_OPTION',
    message: expect.stringContaining(message),
  })
})

test('half a pair in the options is an error', async () => {
  const { host } = await serve(hello, issued.good)
  const options = secure(host, { cert: issued.client.cert })
  await expect(transport(options).request(get(host))).rejects.toMatchObject({ code: 'INVALID_OPTION' })
})

test('a certificate that is none is an error that does not show it', async () => {
  const { host } = await serve(hello, issued.good)
  const options = secure(host, { cert: 'no certificate', key: 'no key' })
  await expect(transport(options).request(get(host))).rejects.toMatchObject({
    code: 'INVALID_OPTION',
    message: expect.not.stringContaining('no key'),
  })
})
