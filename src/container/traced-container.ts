import type { ContainerRecord } from '../store/containers.js'
import type { TracedContainer } from '../tracing/index.js'

/** What is told of a container that something is done with. */
export const tracedContainer =
  ({ id, name, reference }: Pick<ContainerRecord, 'id' | 'name' | 'reference'>) =>
  (): TracedContainer => ({ container: id, name, image: reference })
