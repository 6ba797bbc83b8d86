import type { RunOptions } from '../../spec/options.js'
import { configOptions } from './config-options.js'
import type { CreateDocument } from './create-document.js'
import type { HostConfig } from './host-config.js'
import { hostOptions } from './host-options.js'
import { mountOptions } from './mount-options.js'
import { networkingOptions } from './networking-options.js'
import { resourceOptions } from './resource-options.js'

/** What a document asks for, as options of `run`. */
export function runOptions(document: CreateDocument, minor: number): RunOptions {
  const host: HostConfig = document.HostConfig ?? {}
  return {
    ...configOptions(document),
    ...hostOptions(host),
    ...resourceOptions(host),
    ...mountOptions(host, Object.keys(document.Volumes ?? {})),
    ...networkingOptions(document, host, minor),
  }
}
