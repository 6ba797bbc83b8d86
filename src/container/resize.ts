import type { ContainerContext } from './context.js'
import { askSupervisor } from './dialogue.js'
import { type Present, presentFor } from './present.js'
import { refusal } from './states.js'

/** Sets the size of a container's terminal. @throws {InvalidStateError} when it does not run */
export async function resize(context: ContainerContext, id: string, rows: number, columns: number): Promise<void> {
  const { record } = (await presentFor(context, id, 'resize')) as Present
  const errno = await askSupervisor(context, id, (session) => {
    session.send({ type: 'resize', rows, columns })
    // Answered, so that it was done.
    return session.signal(0)
  })
  if (errno !== 0) throw refusal('resize', 'exited', id)
  context.tell(record, 'resize', { height: String(rows), width: String(columns) })
}
