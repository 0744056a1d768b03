ALTER TABLE `shop`.`ios` MODIFY COMMENT '{"tributary":1,"pipeline":"shop/ios","id":"7f0c","epoch":1,"topic":"shop.ios"}'
