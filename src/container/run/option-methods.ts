import type { RunOptions } from '../../spec/options.js'

/** What the options' methods are made of: each returns a new builder, with one option more. */
export abstract class RunOptionMethods {
  protected abstract readonly options: RunOptions

  /** A builder with these options over its own. */
  protected abstract with(options: RunOptions): this

  /** @internal */
  protected add<K extends ListOption>(key: K, values: readonly unknown[]): this {
    return this.with({ [key]: [...[this.options[key] ?? []].flat(), ...values] })
  }
}

type ListOption =
  | 'env'
  | 'envFile'
  | 'tmpfs'
  | 'volume'
  | 'mount'
  | 'volumesFrom'
  | 'networkAlias'
  | 'networks'
  | 'publish'
  | 'expose'
  | 'link'
  | 'capAdd'
  | 'capDrop'
  | 'securityOpt'
  | 'ulimit'
  | 'device'
  | 'blkioWeightDevice'
  | 'deviceReadBps'
  | 'deviceWriteBps'
  | 'deviceReadIops'
  | 'deviceWriteIops'
  | 'deviceCgroupRule'
  | 'sysctl'
  | 'label'
  | 'logOpt'
  | 'groupAdd'
  | 'addHost'
  | 'dns'
  | 'dnsSearch'
  | 'dnsOption'
