export const secrets = {
  title: "Secrets",
  cleared: "The clipboard was cleared.",
};
