import type { ServerResponse } from 'node:http'
import { inspect } from 'node:util'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { type Asked, configDirectory, get, serve, textOfBody, transport } from '../fixture.js'

const auth = { username: 'ada', password: 'correct-horse' }
const basic = `Basic ${Buffer.from('ada:correct-horse').toString('base64')}`
const scopes = ['repository:x/y:pull']
const pull = { scopes }

interface TokenRegistry {
  readonly host: string
  readonly asked: readonly Asked[]
  /** Of the token server. */
  readonly tokensAsked: readonly Asked[]
  /** Tokens that are good. */
  readonly good: Set<string>
}

interface TokenRegistryOptions {
  readonly answer?: (request: Asked, response: ServerResponse, count: number) => void
  readonly realmHost?: string
}

/** A registry that wants a token, and its token server. */
async function tokenRegistry({ answer, realmHost = '127.0.0.1' }: TokenRegistryOptions = {}): Promise<TokenRegistry> {
  const good = new Set<string>()
  const tokens = await serve((request, response, count) => {
    if (answer) return answer(request, response, count)
    good.add(`token-${count}`)
    response.end(JSON.stringify({ token: `token-${count}` }))
  })
  const realm = `http://${realmHost}:${tokens.port}/token`
  const { host, asked } = await serve((request, response) => {
    if (good.has(request.headers.authorization?.replace('Bearer ', '') ?? '')) response.end('in')
    else
      response
        .writeHead(401, { 'www-authenticate': `Bearer realm="${realm}",service="reg",scope="ignored"` })
        .end('{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}')
  })
  return { host, asked, tokensAsked: tokens.asked, good }
}

const querySorted = (asked: Asked | undefined) =>
  [...new URL(asked?.url ?? '', 'http://x').searchParams].map((pair) => pair.join('=')).sort()

describe('a token', () => {
  test('is asked for with the service, each scope and the credentials', async () => {
    const { host, tokensAsked, asked } = await tokenRegistry()
    const more = { auth, scopes: ['repository:x/y:pull,push', 'repository:z:pull'] }
    expect(await textOfBody(await transport().request(get(host, '/v2/', more)))).toBe('in')
    expect(querySorted(tokensAsked[0])).toEqual([
      'account=ada',
      'client_id=inboard',
      'scope=repository:x/y:pull,push',
      'scope=repository:z:pull',
      'service=reg',
    ])
    expect(tokensAsked[0]?.headers.authorization).toBe(basic)
    expect(asked.at(-1)?.headers.authorization).toBe('Bearer token-1')
  })

  test('is anonymous without credentials', async () => {
    const { host, tokensAsked } = await tokenRegistry()
    await transport().request(get(host, '/v2/', pull))
    expect(tokensAsked).toHaveLength(1)
    expect(tokensAsked[0]?.headers).not.toHaveProperty('authorization')
  })

  test('is kept, and sent at once with the next request', async () => {
    const { host, asked, tokensAsked } = await tokenRegistry()
    const { request } = transport()
    for (const path of ['/v2/1', '/v2/2', '/v2/3']) await textOfBody(await request(get(host, path, pull)))
    expect([asked.length, tokensAsked.length]).toEqual([4, 1])
  })

  test('is asked for once by many who want it at the same time', async () => {
    const { host, tokensAsked } = await tokenRegistry()
    const { request } = transport()
    const all = Array.from({ length: 20 }, (_, index) => request(get(host, `/v2/${index}`, pull)))
    expect((await Promise.all(all)).map(({ status }) => status)).toEqual(Array(20).fill(200))
    expect(tokensAsked).toHaveLength(1)
  })

  test('is another one for other scopes and other accounts, in whatever order the scopes are', async () => {
    const { host, tokensAsked } = await tokenRegistry()
    const { request } = transport()
    const other = { ...auth, password: 'battery-staple' }
    for (const more of [
      pull,
      { scopes: ['a', 'b'] },
      { scopes: ['b', 'a'] },
      { ...pull, auth },
      { ...pull, auth: other },
    ])
      await request(get(host, '/v2/', more))
    expect(tokensAsked).toHaveLength(4)
  })

  test('is renewed once when the registry does not take it any more', async () => {
    const { host, good, tokensAsked } = await tokenRegistry()
    const { request } = transport()
    await request(get(host, '/v2/', pull))
    good.clear()
    expect((await request(get(host, '/v2/', pull))).status).toBe(200)
    expect(tokensAsked).toHaveLength(2)
  })

  test('is renewed for a request that must not be repeated: what is refused has changed nothing', async () => {
    const { host, good, asked } = await tokenRegistry()
    const { request } = transport()
    await request(get(host, '/v2/', pull))
    good.clear()
    const body = async function* () {
      yield Buffer.from('chunk')
    }
    const patch = get(host, '/v2/x', { ...pull, method: 'PATCH', body, repeatable: false })
    expect((await request(patch)).status).toBe(200)
    expect(asked.slice(-2).map((one) => one.body)).toEqual(['chunk', 'chunk'])
  })

  test('that the registry never takes is UNAUTHORIZED, in the words of Docker', async () => {
    const answer = (_: Asked, response: ServerResponse) => response.end('{"token":"never"}')
    const { host, asked } = await tokenRegistry({ answer })
    const error = await transport()
      .request(get(host, '/v2/', pull))
      .catch((error: unknown) => error)
    expect(error).toMatchObject({ name: 'AuthError', code: 'UNAUTHORIZED', details: { status: 401 } })
    expect((error as Error).message).toContain(
      `pull access denied for ${host}/x/y, repository does not exist or may require 'docker login'`,
    )
    expect(asked).toHaveLength(2)
  })

  test('is renewed before it ends', async () => {
    const answer = (_: Asked, response: ServerResponse, count: number) => {
      registry.good.add(`token-${count}`)
      response.end(JSON.stringify({ access_token: `token-${count}`, expires_in: 300 }))
    }
    const registry = await tokenRegistry({ answer })
    const { request } = transport()
    vi.useFakeTimers({ toFake: ['performance'] })
    onTestFinished(() => void vi.useRealTimers())
    await request(get(registry.host, '/1', pull))
    vi.advanceTimersByTime(289_000)
    await request(get(registry.host, '/2', pull))
    expect(registry.tokensAsked).toHaveLength(1)
    vi.advanceTimersByTime(2_000)
    await request(get(registry.host, '/3', pull))
    expect(registry.tokensAsked).toHaveLength(2)
    expect(registry.asked.filter(({ headers }) => headers.authorization === undefined)).toHaveLength(1)
  })

  test('of an identity token comes by OAuth2', async () => {
    const { host, tokensAsked } = await tokenRegistry()
    await transport().request(get(host, '/v2/', { scopes: ['b', 'a'], auth: { identityToken: 'id-secret' } }))
    expect(tokensAsked).toMatchObject([{ method: 'POST', url: '/token' }])
    expect(tokensAsked[0]?.headers).not.toHaveProperty('authorization')
    expect([...new URLSearchParams(tokensAsked[0]?.body)]).toEqual([
      ['grant_type', 'refresh_token'],
      ['client_id', 'inboard'],
      ['refresh_token', 'id-secret'],
      ['service', 'reg'],
      ['scope', 'a b'],
    ])
  })

  test('request of an identity token does not follow a redirect elsewhere', async () => {
    const elsewhere = await serve((_, response) => response.end('{"token":"x"}'))
    const answer = (_: Asked, response: ServerResponse) =>
      response.writeHead(307, { location: `http://${elsewhere.host}/` }).end()
    const { host } = await tokenRegistry({ answer })
    const more = { ...pull, auth: { identityToken: 'id-secret' } }
    await expect(transport().request(get(host, '/v2/', more))).rejects.toMatchObject({ code: 'REGISTRY_FAILED' })
    expect(elsewhere.asked).toEqual([])
  })

  test('that is given is sent as it is, without being asked for', async () => {
    const registry = await serve((_, response) => response.end())
    await transport().request(get(registry.host, '/v2/', { ...pull, auth: { registryToken: 'mine' } }))
    expect(registry.asked.map(({ headers }) => headers.authorization)).toEqual(['Bearer mine'])
  })
})

describe('a token server', () => {
  test('that refuses the credentials is UNAUTHORIZED with its words', async () => {
    const answer = (_: Asked, response: ServerResponse) =>
      response.writeHead(401).end('{"details":"incorrect username or password"}')
    const { host, tokensAsked } = await tokenRegistry({ answer })
    await expect(transport().request(get(host, '/v2/', { ...pull, auth }))).rejects.toMatchObject({
      code: 'UNAUTHORIZED',
      message: `${host}: unauthorized: incorrect username or password`,
    })
    expect(tokensAsked).toHaveLength(1)
  })

  test('that is broken for a while is asked again, even for what must not be repeated', async () => {
    const answer = (_: Asked, response: ServerResponse, count: number) => {
      registry.good.add('good')
      if (count === 1) response.writeHead(503).end()
      else if (count === 2) response.socket?.destroy()
      else response.end('{"token":"good"}')
    }
    const registry = await tokenRegistry({ answer })
    const post = get(registry.host, '/v2/', { ...pull, method: 'POST' })
    expect((await transport().request(post)).status).toBe(200)
    expect(registry.tokensAsked).toHaveLength(3)
  })

  test.each([
    ['no JSON', 'correct-horse is your password'],
    ['no token', '{"tokens":[]}'],
    ['an empty token', '{"token":""}'],
    ['a token that breaks a header', '{"token":"x\\r\\nevil: yes"}'],
    ['an endless answer', `{"token":"${'x'.repeat(1024 * 1024)}"}`],
  ])('that answers with %s is REGISTRY_INVALID', async (_, text) => {
    const { host } = await tokenRegistry({ answer: (_, response) => response.end(text) })
    const error = await transport()
      .request(get(host, '/v2/', { ...pull, auth }))
      .catch((error: unknown) => error)
    expect(error).toMatchObject({ code: 'REGISTRY_INVALID' })
    expect(inspect(error, { depth: 10 })).not.toContain('correct-horse')
  })

  test('of another domain gets no credentials, and the error says so', async () => {
    const answer = (_: Asked, response: ServerResponse) => response.end('{"token":"anonymous"}')
    const { host, tokensAsked, asked } = await tokenRegistry({ answer, realmHost: 'localhost' })
    const error = transport().request(get(host, '/v2/', { ...pull, auth }))
    await expect(error).rejects.toMatchObject({
      code: 'UNAUTHORIZED',
      message: expect.stringContaining('the credentials were not sent to the token server http://localhost'),
    })
    expect(inspect([tokensAsked, asked])).not.toContain(basic)
    expect(tokensAsked[0]?.url).not.toContain('ada')
  })

  test('of another domain gets no identity token', async () => {
    const { host, tokensAsked } = await tokenRegistry({ realmHost: 'localhost' })
    const more = { ...pull, auth: { identityToken: 'id-secret' } }
    expect((await transport().request(get(host, '/v2/', more))).status).toBe(200)
    expect(inspect(tokensAsked)).not.toContain('id-secret')
  })

  test('of another domain gets them when the options allow it', async () => {
    const registry = await tokenRegistry({ realmHost: 'localhost' })
    const challenge = await transport().request(get(registry.host, '/v2/', pull))
    expect(challenge.status).toBe(200)
    const port = /:(\d+)$/.exec(registry.tokensAsked[0]?.headers.host ?? '')?.[1]
    const options = { registries: { [registry.host]: { tokenServers: [`localhost:${port}`] } } }
    await transport(options).request(get(registry.host, '/v2/', { ...pull, auth }))
    expect(registry.tokensAsked.at(-1)?.headers.authorization).toBe(basic)
  })
})

test('one who goes away does not take the token from the others who wait for it', async () => {
  const stop = new AbortController()
  const waiting: ServerResponse[] = []
  const registry = await tokenRegistry({ answer: (_, response) => void waiting.push(response) })
  const { request } = transport()
  const leaving = request(get(registry.host, '/1', { ...pull, signal: stop.signal }))
  const staying = request(get(registry.host, '/2', pull))
  await expect.poll(() => registry.asked.length).toBe(2)
  await expect.poll(() => waiting.length).toBe(1)
  stop.abort(new Error('changed my mind'))
  await expect(leaving).rejects.toThrow('changed my mind')
  registry.good.add('late')
  waiting[0]?.end('{"token":"late"}')
  expect((await staying).status).toBe(200)
})

describe('Basic', () => {
  const basicRegistry = () =>
    serve(({ headers }, response) =>
      headers.authorization === basic
        ? response.end('in')
        : response.writeHead(401, { 'www-authenticate': 'Basic realm="reg"' }).end(),
    )

  test('is sent once it is asked for, then at once', async () => {
    const registry = await basicRegistry()
    const { request } = transport()
    for (const path of ['/1', '/2']) await textOfBody(await request(get(registry.host, path, { auth })))
    expect(registry.asked.map(({ headers }) => headers.authorization)).toEqual([undefined, basic, basic])
  })

  test('comes from the stored credentials of the registry', async () => {
    const registry = await basicRegistry()
    const dockerConfigDirectory = configDirectory({
      auths: { [registry.host]: { auth: basic.slice('Basic '.length) } },
    })
    expect((await transport({ dockerConfigDirectory }).request(get(registry.host))).status).toBe(200)
  })

  test('that is refused is UNAUTHORIZED, after one try', async () => {
    const registry = await basicRegistry()
    const wrong = { username: 'ada', password: 'wrong' }
    await expect(transport().request(get(registry.host, '/', { auth: wrong }))).rejects.toMatchObject({
      code: 'UNAUTHORIZED',
    })
    expect(registry.asked).toHaveLength(2)
  })

  test('without credentials is UNAUTHORIZED', async () => {
    const registry = await basicRegistry()
    await expect(transport().request(get(registry.host))).rejects.toMatchObject({ code: 'UNAUTHORIZED' })
    expect(registry.asked).toHaveLength(1)
  })
})

describe('what a hostile registry echoes', () => {
  const secrets = ['correct-horse', Buffer.from('ada:correct-horse').toString('base64')]
  const expectNoSecrets = (error: unknown) => {
    const shown = inspect(error, { depth: 20, showHidden: true }) + JSON.stringify(error) + String(error)
    for (const secret of secrets) expect(shown).not.toContain(secret)
  }
  const echo = (status: number) => (request: Asked, response: ServerResponse) => {
    const { authorization } = request.headers
    if (!authorization) return response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
    const message = `you sent ${authorization}, which is ${secrets[0]}`
    return response.writeHead(status).end(JSON.stringify({ errors: [{ code: message, message, detail: { message } }] }))
  }

  test.each([401, 429, 500])('in a %i is in no error', async (status) => {
    const registry = await serve(echo(status))
    const error = await transport({}, { attempts: 1 })
      .request(get(registry.host, '/v2/', { auth }))
      .catch((error: unknown) => error)
    expect(error).toMatchObject({ details: { status } })
    expectNoSecrets(error)
  })

  test('in a 403 is in no body', async () => {
    const registry = await serve(echo(403))
    const text = await textOfBody(await transport().request(get(registry.host, '/v2/', { auth })))
    expect(text).toContain('you sent Basic [redacted]')
    expectNoSecrets(text)
  })

  test('in a redirect is in no error', async () => {
    const registry = await serve(({ headers: { authorization } }, response) =>
      authorization
        ? response.writeHead(302, { location: `ftp://x/${authorization}/correct-horse` }).end()
        : response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end(),
    )
    expectNoSecrets(
      await transport()
        .request(get(registry.host, '/v2/', { auth }))
        .catch((error: unknown) => error),
    )
  })

  test('at its token server is in no error', async () => {
    const answer = (request: Asked, response: ServerResponse) =>
      response.writeHead(401).end(JSON.stringify({ details: `${request.headers.authorization} correct-horse` }))
    const { host } = await tokenRegistry({ answer })
    const error = await transport()
      .request(get(host, '/v2/', { ...pull, auth }))
      .catch((error: unknown) => error)
    expect(error).toMatchObject({ code: 'UNAUTHORIZED', message: expect.stringContaining('[redacted]') })
    expectNoSecrets(error)
  })

  test('of a token is in no error', async () => {
    const answer = (_: Asked, response: ServerResponse) => response.end('{"token":"token-secret"}')
    const tokens = await serve(answer)
    const registry = await serve(({ headers: { authorization = 'nothing' } }, response) =>
      response
        .writeHead(401, { 'www-authenticate': `Bearer realm="http://${tokens.host}/"` })
        .end(JSON.stringify({ errors: [{ code: 'UNAUTHORIZED', message: authorization }] })),
    )
    const error = await transport()
      .request(get(registry.host, '/v2/', pull))
      .catch((error: unknown) => error)
    expect((error as Error).message).toContain('Bearer [redacted]')
    expect(inspect(error, { depth: 20 })).not.toContain('token-secret')
  })
})
