export const settings = {
  title: "Settings",
  kitDue: "Your Recovery Kit is not kept yet",
  kitDueText: "Without it, a lost Master Key means lost data.",
  kitMake: "Make a kit",
};
