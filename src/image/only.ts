/** Bytes that are there already, for who reads a stream. */
export async function* only(bytes: Buffer): AsyncGenerator<Buffer, void, undefined> {
  yield bytes
}
