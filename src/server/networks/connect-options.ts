import { looseObject } from 'valibot'
import type { ConnectOptions } from '../../spec/connect-options.js'
import { type EndpointConfig, networkingConfig } from '../containers/networking-config.js'
import { endpointOptions } from '../containers/networking-options.js'
import { flag, may, text } from '../containers/schemas.js'
import { ApiError } from '../failures.js'

/** What `POST /networks/{id}/connect` says. */
export const connectDocument = looseObject({ Container: text, EndpointConfig: may(networkingConfig) })

/** What `POST /networks/{id}/disconnect` says. */
export const disconnectDocument = looseObject({ Container: text, Force: flag })

/** The container that a document names. @throws {ApiError} 400 when it names none */
export function containerOf({ Container }: { readonly Container?: string | undefined }): string {
  if (Container) return Container
  throw new ApiError(400, 'invalid name or ID supplied: ""')
}

/** @throws {ApiError} 400 for what no network here gives */
export function connectOptions(settings: EndpointConfig | undefined): ConnectOptions {
  if (settings?.IPAMConfig?.LinkLocalIPs?.length)
    throw new ApiError(400, 'link-local addresses cannot be chosen: leave out LinkLocalIPs')
  return endpointOptions(settings)
}
