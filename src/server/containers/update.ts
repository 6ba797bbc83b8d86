import { looseObject } from 'valibot'
import type { UpdateOptions } from '../../spec/update.js'
import type { Exchange } from '../exchange.js'
import { resourceFields, restartPolicy } from './host-config.js'
import { restart } from './host-options.js'
import { limitOptions } from './resource-options.js'

const updateDocument = looseObject({ ...resourceFields, RestartPolicy: restartPolicy })

/** `POST /containers/{id}/update`: what is not said stays. */
export async function updateContainer(exchange: Exchange): Promise<void> {
  const container = await exchange.engine.containers.get(exchange.parameter('id'))
  const document = await exchange.body(updateDocument)
  const policy = restart(document.RestartPolicy)
  const options: UpdateOptions = { ...limitOptions(document), ...(policy !== undefined && { restart: policy }) }
  const { warnings } = await container.update(options)
  exchange.json(200, { Warnings: warnings })
}
