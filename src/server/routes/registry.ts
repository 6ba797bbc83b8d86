import { looseObject, nullish, string } from 'valibot'
import { AuthError } from '../../errors/index.js'
import type { Exchange } from '../exchange.js'
import { ApiError } from '../failures.js'
import { registryAuthOf, toRegistryAuth } from '../images/registry-auth.js'
import { searchImages } from '../images/search.js'
import type { Route } from '../route.js'

/** Registries: credentials, and what they tell of images. */
export const registryRoutes: readonly Route[] = [
  { method: 'POST', path: '/auth', handle: verifyLogin },
  {
    method: 'GET',
    path: '/images/search',
    async handle(exchange) {
      exchange.json(200, await searchImages(exchange))
    },
  },
  {
    method: 'GET',
    path: '/distribution/*name/json',
    async handle(exchange) {
      const { engine, signal } = exchange
      const options = { auth: registryAuthOf(exchange), signal }
      exchange.json(200, await engine.images.distribution(exchange.parameter('name'), options))
    },
  },
]

const text = nullish(string())
const credentials = looseObject({
  username: text,
  password: text,
  identitytoken: text,
  registrytoken: text,
  serveraddress: text,
})

/** The client keeps the credentials: here they are only asked about. */
async function verifyLogin(exchange: Exchange): Promise<void> {
  const document = await exchange.body(credentials)
  const registry = document.serveraddress || undefined
  const options = { ...toRegistryAuth(document), signal: exchange.signal, ...(registry !== undefined && { registry }) }
  try {
    const { identityToken = '' } = await exchange.engine.verifyLogin(options)
    exchange.json(200, { IdentityToken: identityToken, Status: 'Login Succeeded' })
  } catch (error) {
    throw error instanceof AuthError ? new ApiError(401, error.message) : error
  }
}
