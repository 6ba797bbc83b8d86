/** What an event is about. */
export type EventType = 'container' | 'image' | 'network' | 'volume' | 'daemon' | 'builder'

/** Something that has happened, by Docker's names. @see https://docs.docker.com/reference/cli/docker/system/events/ */
export interface EventDraft {
  readonly type: EventType
  /** `create`, `start`, `die`, `exec_create: sh -c true`, `health_status: healthy` ... */
  readonly action: string
  /** The object's: a container's, image's or network's id, a volume's name. */
  readonly id: string
  /** Its labels, and what Docker adds. */
  readonly attributes: Readonly<Record<string, string>>
}

/** Where the parts of an engine tell what has happened. */
export interface EventSink {
  /**
   * Within a transaction of the store: the event has happened if the transaction has. Outside of one: it has. It is in the
   * journal a moment later, in order, also when this process is killed in between.
   */
  record(event: EventDraft): void
  /**
   * Once what was recorded before this is in the journal, whoever recorded it: before a supervisor is made to do what it tells
   * there itself. Who keeps the journal is not waited for longer than a moment.
   *
   * @returns undefined when there is nothing to wait for
   */
  told(): Promise<void> | undefined
}
