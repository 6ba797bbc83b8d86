import { expect, test } from 'vitest'
import { isTrustedRealm, parseRealm } from './realm.js'

test.each([
  ['https://auth.docker.io/token', 'registry-1.docker.io', true],
  ['https://ghcr.io/token', 'ghcr.io', true],
  ['https://gitlab.com/jwt/auth', 'registry.gitlab.com', true],
  ['https://auth.reg.example/', 'reg.example', true],
  ['https://reg.example:8443/', 'reg.example:5000', true],
  ['https://REG.example/', 'reg.EXAMPLE', true],
  ['https://api.digitalocean.com/v2/registry/auth', 'registry.digitalocean.com', true],
  ['http://127.0.0.1:5001/', '127.0.0.1:5000', true],
  ['http://[::1]:5001/', '[::1]:5000', true],
  ['https://evil.example/', 'reg.example', false],
  ['https://evilreg.example/', 'reg.example', false],
  ['https://reg.example.evil.test/', 'reg.example', false],
  ['https://evil.io/', 'registry-1.docker.io', false],
  ['https://io/', 'registry-1.docker.io', false],
  ['https://evil.co.uk/', 'reg.co.uk', false],
  ['https://co.uk/', 'reg.co.uk', false],
  ['https://auth.acme.co.uk/', 'reg.acme.co.uk', true],
  ['https://evil.us-east-1.amazonaws.com/', '1234.dkr.ecr.us-east-1.amazonaws.com', false],
  ['https://1234.dkr.ecr.us-east-1.amazonaws.com/', '1234.dkr.ecr.us-east-1.amazonaws.com', true],
  ['https://evil.azurecr.io/', 'mine.azurecr.io', false],
  ['https://127.0.0.2/', '127.0.0.1', false],
  ['https://1.0.0.1/', '2.0.0.1', false],
  ['https://localhost/', '127.0.0.1', false],
  ['https://[fe80::1]/', '[fe80::2]', false],
])('the token server %s may have the credentials for %s: %s', (realm, host, isTrusted) => {
  expect(isTrustedRealm(new URL(realm), host)).toBe(isTrusted)
})

test('a token server named by the options may have them, at its port only', () => {
  const accepted = ['Tokens.other.example', 'x.example:8443']
  expect(isTrustedRealm(new URL('https://tokens.other.example/t'), 'reg.example', accepted)).toBe(true)
  expect(isTrustedRealm(new URL('https://x.example:8443/t'), 'reg.example', accepted)).toBe(true)
  expect(isTrustedRealm(new URL('https://x.example/t'), 'reg.example', accepted)).toBe(false)
})

test.each([
  ['', false],
  ['/token', false],
  ['ftp://reg.example/', true],
  ['https://ada:correct-horse@reg.example/', true],
  ['http://reg.example/token', false],
  ['http://127.0.0.1:8080/admin', false],
])('the realm %j is refused', (realm, isInsecure) => {
  const parse = () => parseRealm(realm, 'reg.example', isInsecure)
  expect(parse).toThrow(expect.objectContaining({ code: 'REGISTRY_INVALID' }))
  expect(parse).toThrow(expect.not.stringMatching('correct-horse'))
})

test.each([
  ['http://reg.example/token', true],
  ['https://reg.example/token', false],
])('the realm %s of a registry that is insecure: %s is taken', (realm, isInsecure) => {
  expect(parseRealm(realm, 'reg.example', isInsecure).href).toBe(realm)
})
