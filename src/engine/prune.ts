import { ConflictError, NotFoundError } from '../errors/index.js'

/** Waits for a removal. What somebody has begun to use or removed since it was looked at stays, or has gone already: false. */
export async function isRemoved(removal: Promise<unknown>): Promise<boolean> {
  try {
    await removal
    return true
  } catch (error) {
    if (error instanceof ConflictError || error instanceof NotFoundError) return false
    throw error
  }
}
