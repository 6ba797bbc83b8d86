import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestApi, testApi } from '../support/api.js'

let api: TestApi

beforeAll(async () => {
  api = await testApi([])
})

afterAll(() => api[Symbol.asyncDispose]())

test('the docker client finds out which versions are spoken', async () => {
  const { code, stdout } = await api.docker(['version', '--format', '{{.Server.Os}} {{.Server.APIVersion}}'])
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'linux 1.47\n' })
})

test("a version that is too new is refused in Docker's words", async () => {
  expect(await api.request('GET', '/v1.99/version')).toMatchObject({
    status: 400,
    document: { message: 'client version 1.99 is too new. Maximum supported API version is 1.47' },
  })
})
