import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { normalizeOptions, type RunOptions } from '../spec/index.js'
import { managedFiles } from './managed-files.js'

const files = (options: RunOptions) => {
  const config = normalizeOptions('x', ['true'], options, { envFiles: new Map(), processEnv: {}, host: { cpus: 2 } })
  const [hosts, hostname, resolvConf] = managedFiles(config, 'box', { hosts: '/h', hostname: '/n', resolvConf: '/r' })
  return { hosts: hosts?.content, hostname: hostname?.content, resolvConf: resolvConf?.content }
}

test('on network none: Docker’s hosts with the loopback names, and the host’s resolv.conf', () => {
  expect(files({ addHost: ['db:10.0.0.5'] })).toEqual({
    hosts:
      '127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\nff00::0\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n10.0.0.5\tdb\n',
    hostname: 'box\n',
    resolvConf: readFileSync('/etc/resolv.conf', 'utf8'),
  })
})

test('on network host: the host’s hosts', () => {
  expect(files({ network: 'host' }).hosts).toBe(readFileSync('/etc/hosts', 'utf8'))
})

test('name servers, search domains and options that were given replace the host’s', () => {
  expect(files({ dns: ['9.9.9.9'], dnsSearch: ['a.example', 'b.example'], dnsOption: ['ndots:2'] }).resolvConf).toBe(
    'search a.example b.example\nnameserver 9.9.9.9\noptions ndots:2\n',
  )
})
