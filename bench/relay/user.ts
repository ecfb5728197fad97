/** Who uses the relay. */
export const user: { readonly name: string; readonly password: string } = { name: 'alice', password: 'wonderland' };
