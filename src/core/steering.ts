/**
 * What a terminal or a reader of lines obeys: control characters (C1 included), line separators, changes of direction.
 * Text of strangers is shown and logged without them. For `replace` only: it is global.
 */
export const STEERING = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu
