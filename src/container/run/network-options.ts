import type { RunOptions } from '../../spec/options.js'
import { FileOptions } from './files-options.js'

/** How it is reached, and what it reaches. */
export abstract class NetworkOptions extends FileOptions {
  /**
   * Its network: `'bridge'` (the default), `'host'`, `'none'` (loopback only), `'container:NAME'` (that container's), or the
   * name or id of one that was created.
   */
  network(network: string): this {
    return this.with({ network })
  }

  /**
   * Further networks, beside one that was created.
   *
   * @example
   * ```ts
   * await engine.run('nginx').network('front').networks({ network: 'back', alias: 'web' })
   * ```
   */
  networks(...networks: NonNullable<RunOptions['networks']>): this {
    return this.add('networks', networks)
  }

  /** Further names by which containers of the same user-defined network find it. */
  networkAlias(...aliases: readonly string[]): this {
    return this.add('networkAlias', aliases)
  }

  /** Its IPv4 address on a user-defined network whose subnet was given. */
  ip(ip: string): this {
    return this.with({ ip })
  }

  /** Its IPv6 address on a user-defined network whose IPv6 subnet was given. */
  ip6(ip6: string): this {
    return this.with({ ip6 })
  }

  /** Such as `'02:42:ac:11:00:02'`. Default: made from its address. */
  macAddress(macAddress: string): this {
    return this.with({ macAddress })
  }

  /**
   * Publishes ports of the container on the host: `[[ip:][hostPort]:]port[/protocol]` with ranges, a port, or an object.
   * Without `hostPort` any free one; without `ip` all of the host's addresses. Of no effect on the networks `'host'` and
   * `'none'`.
   *
   * @example
   * ```ts
   * const web = await engine.run('nginx').publish('8080:80', '127.0.0.1::443', { port: 53, protocol: 'udp' })
   * ```
   */
  publish(...ports: NonNullable<RunOptions['publish']>): this {
    return this.add('publish', ports)
  }

  /** Publishes every exposed port on a free one of the host. */
  publishAll(publishAll = true): this {
    return this.with({ publishAll })
  }

  /** Ports that the container serves: `port[-port][/protocol]`. */
  expose(...ports: NonNullable<RunOptions['expose']>): this {
    return this.add('expose', ports)
  }

  /**
   * `container[:alias]`: containers that it finds by these names, and on the default bridge also by variables of its
   * environment.
   */
  link(...links: NonNullable<RunOptions['link']>): this {
    return this.add('link', links)
  }

  /** `'name:address'`; the address `host-gateway` is the default bridge's gateway. */
  addHost(...hosts: readonly string[]): this {
    return this.add('addHost', hosts)
  }

  dns(...servers: readonly string[]): this {
    return this.add('dns', servers)
  }

  dnsSearch(...domains: readonly string[]): this {
    return this.add('dnsSearch', domains)
  }

  dnsOption(...options: readonly string[]): this {
    return this.add('dnsOption', options)
  }
}
