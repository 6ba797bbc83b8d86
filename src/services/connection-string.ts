import type { ServiceAddress } from './preset.js'

/** Who logs in where; '' : nobody, nothing. */
interface Login {
  readonly user?: string
  readonly password?: string
  readonly database?: string
}

/** A URL as clients of databases take it: `postgres://user:password@host:5432/database`. */
export function connectionUrl(
  scheme: string,
  { host, port }: ServiceAddress,
  { user = '', password = '', database = '' }: Login = {},
): string {
  const secret = password === '' ? '' : `:${encodeURIComponent(password)}`
  const login = user === '' && secret === '' ? '' : `${encodeURIComponent(user)}${secret}@`
  const path = database === '' ? '' : `/${encodeURIComponent(database)}`
  return `${scheme}://${login}${host.includes(':') ? `[${host}]` : host}:${port}${path}`
}
