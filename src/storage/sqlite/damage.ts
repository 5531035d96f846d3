/**
 * Looked at one by one, so that what is whole between two damaged pages is not called lost: one has at most some 250 events,
 * and a look costs about 10 µs. Larger damage is mostly of one piece.
 */
const NEAR = 1_000

/** The first offset from `damaged` towards `end`, the one before or the one behind the range, at which `isWhole`; else `end`. */
export function wholeFrom(damaged: number, end: number, isWhole: (offset: number) => boolean): number {
  const way = Math.sign(end - damaged)
  const most = Math.abs(end - damaged)
  for (let step = 1; step <= Math.min(NEAR, most); step++) {
    const offset = damaged + way * step
    if (step === most || isWhole(offset)) return offset
  }
  if (most === 0) return end
  let near = NEAR
  let far = 2 * NEAR
  while (far < most && !isWhole(damaged + way * far)) {
    near = far
    far *= 2
  }
  far = Math.min(far, most)
  while (far - near > 1) {
    const middle = Math.floor((near + far) / 2)
    if (isWhole(damaged + way * middle)) far = middle
    else near = middle
  }
  return damaged + way * far
}
