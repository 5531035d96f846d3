/** How much longer the seconds of a slowed program last. Alone here: who loads `slow-seconds.ts` is slowed itself. */
export const SLOWER = 10
