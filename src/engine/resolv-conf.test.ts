import { expect, test } from 'vitest'
import { type ResolvConfInput, resolvConf, upstreamServers } from './resolv-conf.js'

const host = `# comment
domain ex.org
search a.b c.d
nameserver 127.0.0.1
nameserver 10.0.0.1
 nameserver  10.0.0.2 # tail
nameserver ::1
nameserver fe80::1%eth0
nameserver fd00::9
options timeout:2 rotate
options ndots:3
sortlist x
`

const input = (more: Partial<ResolvConfInput>): ResolvConfInput => ({
  dns: [],
  dnsSearch: [],
  dnsOptions: [],
  host,
  hostNetwork: false,
  hasNames: false,
  ipv6: false,
  ...more,
})

// The daemon's, but that loopback servers of the host are left out of what is put together, too, and all lines of options count.
// biome-ignore format: a table
test.each<[string, Partial<ResolvConfInput>, string]>([
  ['the host’s without servers that are out of reach', {}, '# comment\ndomain ex.org\nsearch a.b c.d\nnameserver 10.0.0.1\n nameserver  10.0.0.2 # tail\noptions timeout:2 rotate\noptions ndots:3\nsortlist x\n'],
  ['with IPv6 also those', { ipv6: true, host: 'nameserver ::1\nnameserver fd00::9\n' }, 'nameserver fd00::9\n'],
  ['only loopback servers', { host: 'search z.z\nnameserver ::1\nnameserver 127.0.0.1' }, 'search z.z\n\nnameserver 8.8.8.8\nnameserver 8.8.4.4\n'],
  ['no server at all', { host: '' }, '\nnameserver 8.8.8.8\nnameserver 8.8.4.4\n'],
  ['no server but IPv6', { host: '', ipv6: true }, '\nnameserver 8.8.8.8\nnameserver 8.8.4.4\nnameserver 2001:4860:4860::8888\nnameserver 2001:4860:4860::8844\n'],
  ['no newline at its end', { host: 'nameserver 10.0.0.1' }, 'nameserver 10.0.0.1'],
  ['the host’s network', { hostNetwork: true }, host],
  ['the host’s network and a search', { hostNetwork: true, dnsSearch: ['q.r'] }, 'search q.r\nnameserver 127.0.0.1\nnameserver 10.0.0.1\nnameserver 10.0.0.2\nnameserver ::1\nnameserver fe80::1%eth0\nnameserver fd00::9\noptions timeout:2 rotate ndots:3\n'],
  ['options', { dnsOptions: ['ndots:5', 'edns0'] }, 'search a.b c.d\nnameserver 10.0.0.1\nnameserver 10.0.0.2\noptions ndots:5 edns0\n'],
  ['options, and only loopback servers', { dnsOptions: ['x'], host: 'nameserver 127.0.0.1\n' }, 'nameserver 8.8.8.8\nnameserver 8.8.4.4\noptions x\n'],
  ['servers, also loopback ones', { dns: ['127.0.0.1', '::1', '1.1.1.1'], host: 'nameserver 10.0.0.1\n' }, 'nameserver 127.0.0.1\nnameserver ::1\nnameserver 1.1.1.1\n'],
  ['no search', { dnsSearch: ['.'], host: 'search a.b\nnameserver\t10.0.0.1\n' }, 'nameserver 10.0.0.1\n'],
  ['the last search counts', { dnsOptions: ['x'], host: 'search a\nsearch\nnameserver 10.0.0.1\n' }, 'nameserver 10.0.0.1\noptions x\n'],
  ['a network with names', { hasNames: true, host: 'search z.z\nnameserver 10.0.0.1\n' }, 'search z.z\nnameserver 127.0.0.11\noptions ndots:0\n'],
  ['a network with names, and the host’s options', { hasNames: true, host: 'options  a   b\n' }, 'nameserver 127.0.0.11\noptions a b ndots:0\n'],
  ['a network with names, and ndots', { hasNames: true, dns: ['8.8.8.8'], dnsSearch: ['.'], dnsOptions: ['timeout:1', 'ndots:2'] }, 'nameserver 127.0.0.11\noptions timeout:1 ndots:2\n'],
  ['a network with names, and everything', { hasNames: true, dns: ['9.9.9.9'], dnsSearch: ['x.y'], dnsOptions: ['timeout:1'] }, 'search x.y\nnameserver 127.0.0.11\noptions timeout:1 ndots:0\n'],
])('%s', (_, more, content) => {
  expect(resolvConf(input(more))).toBe(content)
})

test.each([
  [{ dns: [], host, ipv6: false }, ['10.0.0.1', '10.0.0.2']],
  [{ dns: [], host, ipv6: true }, ['10.0.0.1', '10.0.0.2', 'fd00::9']],
  [{ dns: ['1.1.1.1', 'fe80::1%eth0'], host, ipv6: false }, ['1.1.1.1']],
  [{ dns: [], host: 'nameserver 127.0.0.53\n', ipv6: false }, ['8.8.8.8', '8.8.4.4']],
])('of %j the servers asked are %j', (given, servers) => {
  expect(upstreamServers(given)).toEqual(servers)
})
