/** The page's parts are imported as text; `page.ts` joins them. */
declare module '*.js' {
  const text: string
  export default text
}

declare module '*.css' {
  const text: string
  export default text
}
