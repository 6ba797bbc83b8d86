import type { ServerResponse } from 'node:http'
import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { openCredentials } from './auth/credentials.js'
import { registryName } from './auth/registry-name.js'
import { type Asked, configDirectory, get, serve, transport } from './fixture.js'
import { createLogin } from './login.js'

const ada = { username: 'ada', password: 'correct-horse' }
const basic = `Basic ${Buffer.from('ada:correct-horse').toString('base64')}`

function opened(dockerConfigDirectory = configDirectory({})) {
  const credentials = openCredentials({ dockerConfigDirectory }, {})
  const { verify, request } = transport({ dockerConfigDirectory }, {}, credentials)
  return { credentials, request, ...createLogin({ verify }, credentials) }
}

const basicRegistry = () =>
  serve(({ headers }, response) =>
    headers.authorization === basic
      ? response.end()
      : response
          .writeHead(401, { 'www-authenticate': 'Basic realm="reg"' })
          .end('{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}'),
  )

async function tokenRegistry(answer: (request: Asked, response: ServerResponse) => unknown) {
  const tokens = await serve((request, response) => void answer(request, response))
  const challenge = { 'www-authenticate': `Bearer realm="http://${tokens.host}/token",service="reg"` }
  const registry = await serve(({ headers }, response) =>
    headers.authorization === 'Bearer good' ? response.end() : response.writeHead(401, challenge).end(),
  )
  return { ...registry, tokensAsked: tokens.asked }
}

describe('credentials that are only verified', () => {
  test('are stored nowhere, right or wrong', async () => {
    const { host } = await basicRegistry()
    const { verify, credentials } = opened()
    expect(await verify({ ...ada, registry: host })).toEqual(ada)
    await expect(verify({ ...ada, password: 'wrong-horse', registry: host })).rejects.toMatchObject({
      code: 'UNAUTHORIZED',
      message: expect.stringContaining('failed with status: 401 Unauthorized'),
    })
    expect(await credentials.lookup(host)).toBeUndefined()
  })

  test('give an identity token where the registry has one', async () => {
    const answer = (_: Asked, response: ServerResponse) => response.end('{"token":"good","refresh_token":"id-secret"}')
    const { host } = await tokenRegistry(answer)
    const { verify, credentials } = opened()
    expect(await verify({ ...ada, registry: host })).toEqual({ username: 'ada', identityToken: 'id-secret' })
    expect(await credentials.lookup(host)).toBeUndefined()
  })

  test('must be given: stored ones are not meant', async () => {
    const { host } = await basicRegistry()
    const { verify, login } = opened()
    await login({ ...ada, registry: host })
    await expect(verify({ registry: host })).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
  })
})

describe('a login', () => {
  test('verifies with Basic, then stores', async () => {
    const { host } = await basicRegistry()
    const { login, credentials, request } = opened()
    await login({ ...ada, registry: host })
    expect(await credentials.lookup(host)).toEqual(ada)
    expect((await request(get(host))).status).toBe(200)
  })

  test('that is wrong says so with the status, and stores nothing', async () => {
    const { host } = await basicRegistry()
    const { login, credentials } = opened()
    const error = await login({ username: 'ada', password: 'wrong-horse', registry: host }).catch((error) => error)
    expect(error).toMatchObject({
      name: 'AuthError',
      code: 'UNAUTHORIZED',
      message: expect.stringContaining(`login attempt to http://${host}/v2/ failed with status: 401`),
    })
    expect(inspect(error, { depth: 10 })).not.toContain('wrong-horse')
    expect(await credentials.lookup(host)).toBeUndefined()
  })

  test('verifies with the token server, and stores the identity token that it gives', async () => {
    const answer = (_: Asked, response: ServerResponse) => response.end('{"token":"good","refresh_token":"id-secret"}')
    const { host, tokensAsked } = await tokenRegistry(answer)
    const { login, credentials } = opened()
    await login({ ...ada, registry: host })
    expect(tokensAsked[0]?.headers.authorization).toBe(basic)
    expect(tokensAsked[0]?.url).toContain('offline_token=true')
    credentials.forget(host)
    expect(await credentials.lookup(host)).toEqual({ username: 'ada', password: '', identityToken: 'id-secret' })
  })

  test("that the token server refuses has the server's words", async () => {
    const { host } = await tokenRegistry((_, response) =>
      response.writeHead(401).end('{"details":"incorrect username or password"}'),
    )
    await expect(opened().login({ ...ada, registry: host })).rejects.toMatchObject({
      code: 'UNAUTHORIZED',
      message: `${host}: unauthorized: incorrect username or password`,
    })
  })

  test('whose token server is of another domain is refused, and sends nothing there', async () => {
    const tokens = await serve((_, response) => response.end('{"token":"good"}'))
    const realm = `http://localhost:${tokens.port}/token`
    const { host } = await serve(({ headers }, response) =>
      headers.authorization
        ? response.end()
        : response.writeHead(401, { 'www-authenticate': `Bearer realm="${realm}"` }).end(),
    )
    await expect(opened().login({ ...ada, registry: host })).rejects.toMatchObject({
      code: 'UNAUTHORIZED',
      details: { withheld: [`http://localhost:${tokens.port}`] },
    })
    expect(tokens.asked).toEqual([])
  })

  test('takes effect at once for requests that were refused before, in other processes too', async () => {
    const { host } = await basicRegistry()
    const path = configDirectory({})
    const { request } = opened(path)
    await expect(request(get(host))).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
    await opened(path).login({ ...ada, registry: host })
    expect((await request(get(host))).status).toBe(200)
  })

  test('without credentials verifies those that are stored', async () => {
    const { host, asked } = await basicRegistry()
    const dockerConfigDirectory = configDirectory({ auths: { [host]: { auth: basic.slice('Basic '.length) } } })
    await opened(dockerConfigDirectory).login({ registry: host })
    expect(asked.at(-1)?.headers.authorization).toBe(basic)
    await expect(opened().login({ registry: host })).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
  })

  test('at a registry that asks for nothing is stored', async () => {
    const { host } = await serve((_, response) => response.end())
    const { login, credentials } = opened()
    await login({ ...ada, registry: host })
    expect(await credentials.lookup(host)).toEqual(ada)
  })

  test('at what is no registry is refused', async () => {
    const { host } = await serve((_, response) => response.writeHead(404).end())
    await expect(opened().login({ ...ada, registry: host })).rejects.toMatchObject({
      code: 'REGISTRY_FAILED',
      status: 404,
    })
  })

  test.each([
    { username: 'ada' },
    { password: 'x' },
    { username: '', password: 'x' },
    { username: 'a:b', password: 'x' },
  ])('with %j is refused', async (half) => {
    await expect(opened().login(half)).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  })
})

test('a logout forgets what is stored', async () => {
  const { host } = await basicRegistry()
  const { login, logout, credentials, request } = opened()
  await login({ ...ada, registry: host })
  await logout(host)
  expect(await credentials.lookup(host)).toBeUndefined()
  await expect(request(get(host))).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
})

test.each([
  ['reg.local:5000', 'reg.local:5000'],
  ['https://reg.local:5000/v2/', 'reg.local:5000'],
  ['[::1]:5000', '[::1]:5000'],
  ['https://index.docker.io/v1/', 'docker.io'],
  ['index.docker.io', 'docker.io'],
  ['docker.io', 'docker.io'],
])('the registry %s is %s', (text, name) => {
  expect(registryName(text)).toBe(name)
})

test.each(['', 'a b', '..', 'ada:secret@reg.local', 'reg..local', 'reg.local:port'])('%j is no registry', (text) => {
  expect(() => registryName(text)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
})
