/** Whether the text is an IPv4 or IPv6 address; a zone may follow an IPv6 one. */
export function isAddress(text: string): boolean {
  return isIPv4(text) || isIPv6(text)
}

/** Four decimal numbers, without leading zeros. */
export function isIPv4(text: string): boolean {
  const parts = text.split('.')
  return parts.length === 4 && parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)
}

/** RFC 4291's forms, with or without a zone. */
export function isIPv6(text: string): boolean {
  const [address = '', ...zones] = text.split('%')
  if (zones.length > 1 || zones[0] === '') return false
  const embedded = /^(.*:)([^:]*\.[^:]*)$/.exec(address)
  if (embedded && !isIPv4(embedded[2] ?? '')) return false
  const plain = embedded ? `${embedded[1]}0:0` : address
  const halves = plain.split('::')
  if (halves.length > 2) return false
  const groups = halves.flatMap((half) => (half === '' ? [] : half.split(':')))
  const valid = groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))
  return valid && (halves.length === 2 ? groups.length <= 7 : groups.length === 8)
}
