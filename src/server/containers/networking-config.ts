import { type InferOutput, looseObject } from 'valibot'
import { may, text, textMap, texts, whole } from './schemas.js'

/** `EndpointSettings`: what a container asks of its place on a network. */
export const networkingConfig = looseObject({
  IPAMConfig: may(looseObject({ IPv4Address: text, IPv6Address: text, LinkLocalIPs: texts })),
  Links: texts,
  Aliases: texts,
  MacAddress: text,
  DriverOpts: textMap,
  GwPriority: whole,
})

export type EndpointConfig = InferOutput<typeof networkingConfig>
