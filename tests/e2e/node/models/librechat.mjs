// LibreChat's models without what its plugins do around calls.
export { createModels } from '@librechat/data-schemas';
