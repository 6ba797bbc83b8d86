/** strace(1) to be put in front of a command: what it does to the `when`th call of a thread, such as `signal=SIGKILL`. */
export function straceInjecting(syscall: string, effect: string, when: number): string[] {
  const inject = `inject=${syscall}:${effect}:when=${when}`
  return ['strace', '-f', '-qq', '-o', '/dev/null', '-e', `trace=${syscall}`, '-e', inject]
}
